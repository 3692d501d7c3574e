import type { Terminal } from '../base/terminal.js';
import { seriesOf } from './chart.js';
import { showGain, showSize } from './format.js';
import { type Result, type TrialResult, WAYS } from './measurements.js';
import type { PathDescription, PlanSummary } from './messages.js';
import type { Recommendation } from './recommendation.js';
import { terminalChart } from './terminal-chart.js';

/** The result of `zerosend bench`, and what `--json` prints. Figures are medians with intervals. */
export interface BenchReport {
  readonly command: 'bench';
  /** false where it was stopped before all was measured, by Ctrl-C or by an error */
  readonly complete: boolean;
  readonly error: string | null;
  readonly machine: {
    readonly kernel: string;
    readonly architecture: string;
    readonly processor: string;
    readonly processors: number;
    readonly node: string;
  };
  readonly path: PathDescription & { readonly withoutSink: string | null };
  readonly plan: Omit<PlanSummary, 'groups'>;
  readonly results: readonly Result[];
  readonly trials: readonly TrialResult[];
  readonly recommendation: Recommendation;
}

const WAY_NAMES = {
  zerocopy: 'zero copy',
  auto: "'auto'",
  copy: 'copying',
  ring: 'ring',
  node: 'node',
  c: 'C, zero copy',
  'c-copy': 'C, copying',
} as const;
const NODE_NAMES = { udp: 'node:dgram', tcp: 'node:net' } as const;

export function printReport(report: BenchReport, terminal: Terminal): void {
  const { path, plan, machine, results, recommendation } = report;
  const { bold, dim, yellow } = terminal.colour;
  terminal.print(bold('Where zero copy begins to pay on this machine'));
  terminal.print(
    dim(
      `${machine.processors} × ${machine.processor}, Linux ${machine.kernel}, Node.js ${machine.node}`,
    ),
  );
  terminal.print();
  for (const [mechanism, way] of Object.entries(path.ways)) {
    terminal.print(`  ${mechanism.padEnd(5)} ${way}`);
  }
  for (const [mechanism, reason] of Object.entries(path.leftOut)) {
    terminal.print(`  ${mechanism.padEnd(5)} ${yellow(`left out: ${reason}`)}`);
  }
  for (const remark of path.remarks) terminal.print(dim(`  ${remark}`));
  if (path.withoutSink !== null) {
    terminal.print(
      yellow(`  No network namespace could be made (${path.withoutSink}): as root, or with`),
    );
    terminal.print(
      yellow("  'unshare -Urn' allowed, bench sends into an interface that does not copy."),
    );
  }
  terminal.print(
    dim(
      `  hot: 16 buffers in turn. cold: ${showSize(path.coldBytes)} in turn, more than the caches hold. ` +
        `${plan.rounds} rounds of ${Math.round(plan.sliceSeconds * 1000)} ms each, in turns.`,
    ),
  );
  for (const protocol of ['udp', 'tcp'] as const) {
    const own = results.filter((result) => result.protocol === protocol);
    if (own.length === 0) continue;
    terminal.print();
    terminal.print(bold(`${protocol.toUpperCase()}: Gbit/s that a busy processor would send`));
    for (const line of resultTable(protocol, own, terminal.colour)) terminal.print(`  ${line}`);
  }
  const chart = terminalChart(
    seriesOf(results),
    terminal.columns,
    terminal.colour,
    speaksUnicode(),
  );
  if (chart.length > 0) terminal.print();
  for (const line of chart) terminal.print(line);
  terminal.print();
  printRecommendation(recommendation, terminal);
}

function printRecommendation(recommendation: Recommendation, terminal: Terminal): void {
  const { bold, green } = terminal.colour;
  const { options, batch, pool, reasons } = recommendation;
  if (reasons.length === 0) return;
  terminal.print(bold('Recommendation'));
  for (const [protocol, given] of Object.entries(options)) {
    const text = Object.entries(given).map(
      ([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : value}`,
    );
    terminal.print(
      `  ${protocol === 'udp' ? 'UdpSocket' : 'TcpSocket'}  ${green(`{ ${text.join(', ')} }`)}`,
    );
  }
  if (batch !== null) terminal.print(`  sendMany   ${green(`${batch} sends a call`)}`);
  if (pool !== null) {
    terminal.print(
      `  BufferPool ${green(`{ bufferSize: ${pool.bufferSize}, count: ${pool.count} }`)}`,
    );
  }
  terminal.print();
  for (const reason of reasons) terminal.print(`  - ${reason}`);
}

/** A row for each size and memory, a column for each way, and what zero copy gains. */
export function resultTable(
  protocol: 'udp' | 'tcp',
  results: readonly Result[],
  { dim, green }: Pick<Terminal['colour'], 'dim' | 'green'>,
): string[] {
  const ways = WAYS.filter((way) => results.some((result) => result.way === way));
  const rows: string[][] = [
    [
      'size',
      'memory',
      ...ways.map((way) => (way === 'node' ? NODE_NAMES[protocol] : WAY_NAMES[way])),
      'zero copy / copying',
    ],
  ];
  const keys = new Map(results.map(({ size, memory }) => [`${size} ${memory}`, { size, memory }]));
  for (const { size, memory } of keys.values()) {
    const of = (way: Result['way']) =>
      results.find((r) => r.size === size && r.memory === memory && r.way === way);
    const gain = of('zerocopy')?.gain;
    rows.push([
      showSize(size),
      memory,
      ...ways.map((way) => {
        const result = of(way);
        return result ? ((result.bytesPerCpuSecond.median * 8) / 1e9).toFixed(1) : '';
      }),
      gain ? `${showGain(gain.median)} (${gain.low.toFixed(2)} to ${gain.high.toFixed(2)})` : '',
    ]);
  }
  const widths =
    rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  return rows.map((row, index) => {
    const line = row
      .map((text, at) => (at === 1 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0)))
      .join('  ');
    if (index === 0) return dim(line);
    const low = Number(/\(([\d.]+) to/.exec(row.at(-1) ?? '')?.[1]);
    return low > 1 ? green(line) : line;
  });
}

/** Whether the locale's encoding has characters beyond ASCII (setlocale(3): the first that is set). */
function speaksUnicode(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const locale = LC_ALL || LC_CTYPE || LANG;
  return locale === undefined || /utf-?8/i.test(locale);
}
