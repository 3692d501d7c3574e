// @ts-check
// The tables of figures in the documents, out of the JSON of a run.
import { showSize } from '../dist/cli/bench/format.js';
import { contests, programContests } from './contests.mjs';
import { machineText } from './machine.mjs';
import { MECHANISMS } from './patch/programs.mjs';
import { PUBLISHED, WAYS } from './patch/published.mjs';
import { shares, spread } from './report.mjs';

/**
 * What `npm run bench -- --json` prints.
 * @typedef {object} Run
 * @property {import('./machine.mjs').Machine} machine
 * @property {number} rounds
 * @property {number} seconds
 * @property {boolean} quick
 * @property {number} took
 * @property {string} [state] of the machine, where it was not at rest
 * @property {({ name: string, title: string } & Record<string, any>)[]} contests
 * @property {{ name: string, reason: string }[]} leftOut
 * @property {string[]} undecided
 */

/**
 * What a contest has printed: its own `Outcome`.
 * @param {Run} run @param {string} name @returns {any}
 */
export function contestOf({ contests }, name) {
  const found = contests.find((contest) => contest.name === name);
  if (found === undefined) throw new RangeError(`the run has no contest ${name}`);
  return found;
}

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
function table(head, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** @param {import('./statistics.mjs').Interval} interval */
const ratio = ({ ratio, low, high }) => `${ratio.toFixed(2)} (${spread({ low, high }, 2)})`;

/** A summary's median in another unit. @param {{ median: number } | null} summary @param {number} unit
 * @param {number} digits */
const middle = (summary, unit, digits) =>
  summary === null ? '' : (summary.median / unit).toFixed(digits);

/** @param {Run} run */
function machine(run) {
  const turns = `${run.rounds} rounds, turns of ${run.seconds} s${run.quick ? ', --quick' : ''}`;
  const state = run.state ? ` **${run.state}**` : '';
  return `${machineText(run.machine)}; ${run.machine.date}; ${turns}; ${Math.round(run.took)} s in all.${state}`;
}

/** @param {Run} run */
function undecided(run) {
  const all = [...run.undecided, ...run.leftOut.map(({ name, reason }) => `${name}: ${reason}`)];
  return all.length === 0 ? 'Nothing.' : all.map((what) => `- ${what}`).join('\n');
}

/** A contest of programs. @param {Run} run @param {string} name */
function programs(run, name) {
  /** @type {{ title: string } & import('./run-contest.mjs').ProgramOutcome} */
  const { title, results, goals, leftOut } = contestOf(run, name);
  const head = ['', 'sends/s', 'CPU s/GB', 'thread µs/send', 'thread s/GB', 'zero-copied'];
  const rows = results.map((result, i) => [
    result.name,
    `${middle(result.sendsPerSecond, 1e3, 1)} k`,
    middle(result.cpuSecondsPerGigabyte, 1, 4),
    middle(result.threadSecondsPerSend, 1e-6, 2),
    middle(result.threadSecondsPerGigabyte, 1, 4),
    shares(result),
    ...(i === 0 ? ['1', '1'] : [ratio(result.cpuRatio), ratio(result.ratio)]),
  ]);
  return [
    `${title}:\n`,
    table([...head, 'by CPU', 'ratio'], rows),
    ...goals.map((goal, i) => {
      const target = goal.target === undefined ? '' : `; aim ${goal.target.toFixed(2)}`;
      const by = goal.by === 'cpu' ? ', by CPU' : '';
      return `${i === 0 ? '\n' : ''}- ${goal.program} / ${goal.against}${by}: ${ratio(goal.ratio)}${target}`;
    }),
    ...leftOut.map(({ reason }) => `- left out: ${reason}`),
  ].join('\n');
}

/** @param {Run} run @returns {import('./patch/contest.mjs').PatchRow[]} */
export const patchRows = (run) => contestOf(run, 'patch').rows;

/** Thousand exchanges a second in the three ways, `a / b / c`. @param {Run} run */
function patchTable(run) {
  const rows = patchRows(run);
  const mechanisms = Object.entries(MECHANISMS);
  const head = ['bytes', 'the patch', ...mechanisms.map(([, name]) => name)];
  const lines = PUBLISHED.filter(({ size }) => rows.some((row) => row.size === size)).map(
    (published) => [
      published.size.toLocaleString('en'),
      WAYS.map((way) => published[way]).join(' / '),
      ...mechanisms.map(([mechanism]) =>
        WAYS.map((way) => {
          const row = rowOf(rows, published.size, mechanism, way);
          return row ? middle(row.exchangesPerSecond, 1000, 0) : '';
        }).join(' / '),
      ),
    ],
  );
  return table(head, lines);
}

/** The two ways that notify against the one that does not. @param {Run} run */
function patchRatios(run) {
  const rows = patchRows(run);
  const mechanisms = Object.entries(MECHANISMS);
  const ways = /** @type {const} */ (['each', 'batches']);
  const head = ['bytes', 'way', 'the patch', ...mechanisms.map(([, name]) => name)];
  const lines = PUBLISHED.filter(({ size }) => rows.some((row) => row.size === size)).flatMap(
    (published) =>
      ways.map((way) => [
        published.size.toLocaleString('en'),
        way,
        (published[way] / published.copying).toFixed(2),
        ...mechanisms.map(([mechanism]) => {
          const row = rowOf(rows, published.size, mechanism, way);
          return row ? `${ratio(row.ratio)}; by CPU ${row.cpuRatio.ratio.toFixed(2)}` : '';
        }),
      ]),
  );
  return table(head, lines);
}

/** @param {import('./patch/contest.mjs').PatchRow[]} rows @param {number} size @param {string} mechanism
 * @param {string} way */
function rowOf(rows, size, mechanism, way) {
  return rows.find((row) => row.size === size && row.mechanism === mechanism && row.way === way);
}

/** @param {Run} run */
function breakEven(run) {
  /** @type {import('../dist/cli/bench/measurements.js').Result[]} */
  const results = contestOf(run, 'break-even').results;
  const head = [
    '',
    'buffers',
    'zero copy / copying',
    "'auto' / copying",
    'C, zero copy / C, copying',
  ];
  const groups = new Map(results.map((r) => [`${r.protocol} ${r.size} ${r.memory}`, r]));
  const lines = [...groups.values()].map(({ protocol, size, memory }) => {
    const of = (/** @type {string} */ way) =>
      results.find(
        (r) => r.protocol === protocol && r.size === size && r.memory === memory && r.way === way,
      );
    const gain = (/** @type {string} */ way) => {
      const summary = of(way)?.gain;
      return summary ? `${summary.median.toFixed(2)} (${spread(summary, 2)})` : '';
    };
    const cpu = (/** @type {string} */ way) => of(way)?.bytesPerCpuSecond.median ?? Number.NaN;
    const inC = cpu('c') / cpu('c-copy');
    const node = cpu('node') / cpu('copy');
    return [
      `${protocol.toUpperCase()}, ${showSize(size)}`,
      ...[memory, gain('zerocopy'), gain('auto'), inC.toFixed(2)],
      ...[(cpu('copy') / cpu('c-copy')).toFixed(2), Number.isNaN(node) ? '' : node.toFixed(2)],
    ];
  });
  return table([...head, 'copying / C, copying', 'node / copying'], lines);
}

/** Of one contest, what is asked of each of its programs. @param {Run} run @param {string} name
 * @returns {(program: string) => import('./run-contest.mjs').Result} */
function resultsOf(run, name) {
  /** @type {import('./run-contest.mjs').Result[]} */
  const results = contestOf(run, name).results;
  return (program) => {
    const found = results.find((result) => result.name === program);
    if (found === undefined) throw new RangeError(`${name} has no program ${program}`);
    return found;
  };
}

const BAR = 20; // places of the longest
const COPYING = [
  ['UdpSocket, copying', "`UdpSocket`, `zeroCopy: 'never'`, 16 buffers that stay in the cache"],
  ['C, copying, 256 in turn', 'a C program that copies from 256 buffers in turn'],
  [
    'node:dgram 65000 B',
    '`node:dgram`, 65,000 bytes a send (in IP fragments: it cannot ask for GSO)',
  ],
  ['node:dgram 1400 B', '`node:dgram`, 1400 bytes a send'],
];

/** Bytes for each second of CPU time, the other ways of sending beside zero copy. @param {Run} run */
function copyingShares(run) {
  const of = resultsOf(run, 'udp-copying');
  return table(
    ['sender', 'share'],
    [
      ['`UdpSocket.send`, zero copy', '1'],
      ...COPYING.map(([name = '', what = '']) => [what, ratio(of(name).cpuRatio)]),
    ],
  );
}

/** The same for those who see zerosend for the first time. @param {Run} run */
function copyingBars(run) {
  const of = resultsOf(run, 'udp-copying');
  const shares = /** @type {const} */ ([
    ['zerosend, UDP, zero copy', 1],
    ['a C program that copies from 256 buffers', of('C, copying, 256 in turn').cpuRatio.ratio],
    ['`node:dgram`, 1400 bytes a send', of('node:dgram 1400 B').cpuRatio.ratio],
  ]);
  const unit = BAR / Math.max(...shares.map(([, share]) => share));
  return table(
    ['', 'bytes for each second of CPU time', ''],
    shares.map(([name, share]) => [
      name,
      '█'.repeat(Math.max(1, Math.round(share * unit))),
      share === 1 ? '1' : share.toFixed(2),
    ]),
  );
}

/** By sizes, what zero copy over UDP sends against copying. @param {Run} run */
function udpGain(run) {
  /** @type {import('../dist/cli/bench/measurements.js').Result[]} */
  const results = contestOf(run, 'break-even').results;
  const gains = results.filter(({ protocol, way }) => protocol === 'udp' && way === 'zerocopy');
  const sizes = [...new Set(gains.map(({ size }) => size))].sort((a, b) => a - b);
  const row = (/** @type {'hot' | 'cold'} */ memory) =>
    sizes.map((size) => {
      const found = gains.find((result) => result.size === size && result.memory === memory);
      return found?.gain ? found.gain.median.toFixed(2) : '';
    });
  return table(
    ['bytes a send', ...sizes.map((size) => size.toLocaleString('en'))],
    [
      ['memory that is not in the caches', ...row('cold')],
      ['memory that is', ...row('hot')],
    ],
  );
}

/** CPU time for the same bytes, copying as a multiple of the transmit ring. @param {Run} run */
function ringCosts(run) {
  const of = resultsOf(run, 'ring-tso');
  const cost = (/** @type {string} */ program) => of(program).cpuSecondsPerGigabyte.median;
  const times = (/** @type {string} */ program, /** @type {string} */ ring) =>
    (cost(program) / cost(ring)).toFixed(1);
  return table(
    [
      'frames or buffers in turn',
      '`PacketSocket`, the transmit ring',
      'a C program that copies with `send`',
    ],
    [
      [
        '16 buffers, which stay in the cache; 64 frames',
        '1',
        times('C, send, 16 buffers', 'PacketSocket, 64 frames'),
      ],
      ['1024', '1', times('C, send, 1024 buffers', 'PacketSocket, 1024 frames')],
    ],
  );
}

const OF_C = /** @type {const} */ ([
  [
    'udp-send',
    'UdpSocket.send',
    'C sendmsg',
    '`UdpSocket.send`, 65,000 bytes as GSO trains, against `sendmsg`',
  ],
  [
    'udp-send',
    'UdpSocket.send',
    'C sendto',
    'the same against `sendto`, which is what `send` uses',
  ],
  [
    'udp-send-many',
    'UdpSocket.sendMany, a run',
    'C sendmmsg',
    '`UdpSocket.sendMany` of a run of 32, against `sendmmsg`',
  ],
  [
    'udp-send-many',
    'UdpSocket.sendMany, an array',
    'C sendmmsg',
    'the same of an array of 32 buffers',
  ],
  [
    'ring-small',
    'PacketSocket, runs of 256',
    'C, the ring',
    '`PacketSocket`, frames of 64 bytes with a counter in each, runs of 256',
  ],
  [
    'ring-small',
    'PacketSocket.sendMany of 64',
    'C, the ring',
    'the same, `sendMany` of 64 buffers',
  ],
  ['ring-small', 'PacketSocket.send', 'C, the ring', 'the same, one by one'],
  [
    'xdp-small',
    'XdpSocket, runs of 256',
    'C, AF_XDP',
    '`XdpSocket`, the same frames, copy mode, runs of 256',
  ],
  ['xdp-small', 'XdpSocket.sendMany of 64', 'C, AF_XDP', 'the same, `sendMany` of 64 buffers'],
]);

/** Bytes for each second of CPU time, as a share of what a C program of the same loop carries. @param {Run} run */
function sharesOfC(run) {
  return table(
    ['what', 'share of C'],
    OF_C.map(([contest, program, against, what]) => {
      const of = resultsOf(run, contest);
      const share = of(program).cpuRatio.ratio / of(against).cpuRatio.ratio;
      return [what, share.toFixed(2)];
    }),
  );
}

/** Small packets, rings against node:dgram. @param {Run} run */
function smallPackets(run) {
  return table(
    ['frames of 64 bytes, runs of 256', 'packets a second / `node:dgram`'],
    ['ring-small', 'xdp-small'].flatMap((name) =>
      /** @type {import('./run-contest.mjs').GoalResult[]} */ (contestOf(run, name).goals).map(
        (goal) => [`\`${goal.program.replace(/,.*/, '')}\``, ratio(goal.ratio)],
      ),
    ),
  );
}

/**
 * What may stand in `<!-- figures: … -->`, besides the name of a contest.
 * @type {Readonly<Record<string, (run: Run) => string>>}
 */
const BLOCKS = {
  machine,
  undecided,
  patch: patchTable,
  'patch-ratios': patchRatios,
  'break-even': breakEven,
  'udp-gain': udpGain,
  'copying-bars': copyingBars,
  'copying-shares': copyingShares,
  'ring-costs': ringCosts,
  'shares-of-c': sharesOfC,
  'small-packets': smallPackets,
};

/**
 * The contests that these are made from.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const MADE_FROM = {
  machine: [],
  undecided: [],
  'patch-ratios': ['patch'],
  'udp-gain': ['break-even'],
  'copying-bars': ['udp-copying'],
  'copying-shares': ['udp-copying'],
  'ring-costs': ['ring-tso'],
  'shares-of-c': ['udp-send', 'udp-send-many', 'ring-small', 'xdp-small'],
  'small-packets': ['ring-small', 'xdp-small'],
};

const MARKED = /(<!-- figures: ([\w-]+) -->\n)[\s\S]*?(<!-- end of figures -->)/g;

/**
 * A contest of programs as a table of the document, any other as its own table shows it.
 * @param {Run} run @param {string} name
 */
function contestBlock(run, name) {
  const contest = contests.find((one) => one.name === name);
  if (contest === undefined) throw new RangeError(`there is no contest ${name}`);
  if (!run.contests.some((one) => one.name === name)) return 'Not in this run.';
  if (programContests.some((one) => one.name === name)) return programs(run, name);
  return `\`\`\`text\n${contest.title}\n${contest.table(contestOf(run, name))}\n\`\`\``;
}

/** The contests whose figures stand in a document. @param {string} text @returns {Set<string>} */
export function quotedIn(text) {
  const blocks = [...text.matchAll(MARKED)].map(([, , name = '']) => name);
  return new Set(blocks.flatMap((name) => MADE_FROM[name] ?? [name]));
}

/** The document with the figures of this run. @param {string} text @param {Run} run */
export function withFigures(text, run) {
  return text.replaceAll(MARKED, (_, begin, name, end) => {
    const block = BLOCKS[name] ?? ((/** @type {Run} */ of) => contestBlock(of, name));
    return `${begin}\n${block(run)}\n\n${end}`;
  });
}
