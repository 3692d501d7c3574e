// @ts-check
// A contest of programs that send as fast as they can.
import { startReceiver } from '../rig/index.mjs';
import { CorrectnessError, RefusedError, SenderProcess } from './sender-process.mjs';
import { Sink } from './sinks.mjs';
import { interval, sideOf, summarize } from './statistics.mjs';
import { ToolProcess } from './tool-process.mjs';
import { ratiosOf, takeTurns } from './turns.mjs';

/**
 * @typedef {import('./sender-process.mjs').Slice} Slice
 * @typedef {import('./statistics.mjs').Summary} Summary
 * @typedef {import('./statistics.mjs').Interval} Interval
 *
 * @typedef {object} Program
 * @property {string} name
 * @property {'c' | 'js' | 'tool'} language
 * @property {string[]} args of c/sender.c or js/sender.mjs, without protocol and destination; a tool's
 *   name
 * @property {string} [sender] js/sender.mjs of another checkout
 * @property {'zerocopied' | 'copied' | 'inlined'} [how] how every send has to complete
 * @property {number} [target] the ratio to the first program that the project aims at
 * @property {boolean} [optional] left out, with the reason, where the system does not have what it needs
 *
 * @typedef {object} Goal a ratio to another program than the first
 * @property {string} program
 * @property {string} against
 * @property {'rate' | 'cpu'} by bytes for each second, or for each CPU second of the process
 * @property {number} [target] what the project aims at
 * @property {string} [source] whose figure the target is
 *
 * @typedef {object} ProgramContest
 * @property {string} name
 * @property {string} title
 * @property {'udp' | 'tcp' | 'packet' | 'xdp'} protocol
 * @property {'sink' | 'loopback'} path
 * @property {string} [remark]
 * @property {Program[]} programs
 * @property {Goal[]} [goals]
 *
 * @typedef {object} Result of one program
 * @property {string} name
 * @property {Summary} bytesPerSecond
 * @property {Summary} sendsPerSecond
 * @property {Summary} cpuSecondsPerGigabyte of the whole process, 10^9 bytes
 * @property {Summary} cpuSecondsPerSend likewise
 * @property {Summary | null} threadSecondsPerSend of the thread that sends; null where nobody tells
 * @property {Summary | null} threadSecondsPerGigabyte likewise
 * @property {number} zerocopiedShare 0 to 1
 * @property {number} copiedShare of sends that asked for zero copy, and that the kernel copied all the same
 * @property {Interval} ratio bytes a second against the first program's in the same round
 * @property {Interval} cpuRatio bytes a CPU second likewise: less exact where a part of the work is
 *   done for the program elsewhere, but hardly moved by other load
 * @property {number[]} ratios the same as `ratio`, each round by itself
 * @property {number | null} target
 *
 * @typedef {Goal & { ratio: Interval }} GoalResult round by round, too
 *
 * @typedef {{ results: Result[], goals: GoalResult[], undecided: string[],
 *   leftOut: { name: string, reason: string }[] }} ProgramOutcome
 */

const SINK_PORT = 9;

/**
 * @param {ProgramContest} contest
 * @param {Pick<import('./contests.mjs').Setting, 'cSender' | 'rig' | 'rounds' | 'seconds'> & {
 *   enough?: (ratios: number[]) => boolean }} setting `enough` ends the rounds early: it is asked after each,
 *   with the ratios of the second program to the first
 * @returns {Promise<ProgramOutcome>}
 */
export async function runContest(contest, { cSender, rig, rounds, seconds, enough }) {
  const { protocol, path } = contest;
  const namespace = rig?.sender ?? null;
  const receiver =
    path === 'sink'
      ? null
      : await startReceiver({
          protocol: protocol === 'tcp' ? 'tcp' : 'udp',
          namespace,
          discard: true,
          address: '127.0.0.1',
        });
  const address = path === 'sink' && rig ? rig.receiverAddress.v4 : '127.0.0.1';
  const port = receiver?.port ?? SINK_PORT;
  const destination = ['--protocol', protocol, '--address', address, '--port', String(port)];
  /** @type {(SenderProcess | ToolProcess)[]} */
  let senders = [];
  /** @type {Map<SenderProcess | ToolProcess, Sink>} */
  const sinks = new Map();
  try {
    for (const [index, program] of contest.programs.entries()) {
      const sink = namespace && takesFrames(contest, program) ? new Sink(namespace, index) : null;
      await sink?.create();
      const where = sink ? [...destination, '--interface', sink.name] : destination;
      const sender =
        program.language === 'tool'
          ? new ToolProcess(program, { namespace, interface: sink?.name ?? '' })
          : new SenderProcess(program, { cSender, namespace, destination: where });
      senders.push(sender);
      if (sink) sinks.set(sender, sink);
    }
    const leftOut = await readyOnes(senders);
    senders = senders.filter(({ program: { name } }) => leftOut.every((one) => one.name !== name));
    const slices = await takeTurns(senders, {
      ...{ rounds, seconds },
      enough: ([first = [], second = []]) =>
        enough?.(ratiosOf(second, first, YIELDS.rate)) ?? false,
    });
    for (const sender of senders) await sender.stop();
    if (receiver && protocol === 'tcp') await checkReceived(receiver, senders);
    for (const sender of senders) await sinks.get(sender)?.check(sender.program.name, sender.sends);
    const programs = senders.map(({ program }) => program);
    return { ...outcomeOf(contest, programs, slices), leftOut };
  } finally {
    for (const sender of senders) sender.kill();
    for (const sink of sinks.values()) await sink.remove();
    await receiver?.stop();
  }
}

/** Waits until all can send. @param {(SenderProcess | ToolProcess)[]} senders */
async function readyOnes(senders) {
  const leftOut = [];
  for (const sender of senders) {
    try {
      await sender.ready();
    } catch (error) {
      const { name, optional } = sender.program;
      if (!(error instanceof RefusedError && optional)) throw error;
      leftOut.push({ name, reason: error.message });
    }
  }
  return leftOut;
}

/** Whether the program sends whole frames. @param {ProgramContest} contest @param {Program} program */
function takesFrames({ protocol }, { args }) {
  return (protocol === 'packet' || protocol === 'xdp') && args[0] !== 'dgram';
}

/** @param {import('../rig/index.mjs').Receiver} receiver @param {{ bytes: number }[]} senders */
async function checkReceived(receiver, senders) {
  const sent = senders.reduce((sum, { bytes }) => sum + bytes, 0);
  // Every sender has closed its connections, so the receiver has read everything when all have
  // ended.
  const ended = (/** @type {{ bytes: number, open: number }} */ { bytes, open }) =>
    bytes >= sent && open === 0;
  const report = await receiver.until(ended).catch(() => receiver.report());
  if (report.bytes !== sent) {
    throw new CorrectnessError(`${sent} bytes were sent, ${report.bytes} received`);
  }
}

const rate = (/** @type {Slice} */ { bytes, seconds }) => bytes / seconds;
const cpuSeconds = (/** @type {Slice} */ { userSeconds, systemSeconds }) =>
  userSeconds + systemSeconds;
const cpu = (/** @type {Slice} */ slice) => cpuSeconds(slice) / (slice.bytes / 1e9);
/** What is compared: the more, the better. */
const YIELDS = { rate, cpu: (/** @type {Slice} */ slice) => 1 / cpu(slice) };

/**
 * @param {ProgramContest} contest @param {Program[]} programs those that have sent
 * @param {Slice[][]} slices
 */
function outcomeOf({ goals: wanted = [] }, programs, slices) {
  const slicesOf = (/** @type {string} */ name) =>
    slices[programs.findIndex((program) => program.name === name)];
  const results = programs.map((program, i) => resultOf(program, slices[i] ?? [], slices[0] ?? []));
  const goals = wanted.flatMap((goal) => {
    const [own, against] = [slicesOf(goal.program), slicesOf(goal.against)];
    if (own === undefined || against === undefined) return [];
    return { ...goal, ratio: interval(ratiosOf(own, against, YIELDS[goal.by])) };
  });
  const undecided = [
    ...results.map(({ name, ratio, target }) => ({ what: name, ratio, target })),
    ...goals.map(({ program, against, ratio, target }) => ({
      ...{ what: `${program} / ${against}`, ratio, target: target ?? null },
    })),
  ].flatMap(({ what, ratio, target }) => {
    if (target === null || sideOf(ratio, target) !== 'undecided') return [];
    return `${what}: ${show(ratio)}, target ${target.toFixed(2)}`;
  });
  return { results, goals, undecided };
}

const show = (/** @type {Interval} */ { ratio, low, high }) =>
  `${ratio.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

/**
 * @param {Program} program @param {Slice[]} slices @param {Slice[]} first
 * @returns {Result}
 */
function resultOf({ name, target = undefined }, slices, first) {
  const total = (/** @type {'sends' | 'zerocopied' | 'copied'} */ key) =>
    slices.reduce((sum, slice) => sum + slice[key], 0);
  const ratios = ratiosOf(slices, first, YIELDS.rate);
  const threads = slices.flatMap(({ threadSeconds, sends, bytes }) =>
    typeof threadSeconds !== 'number'
      ? []
      : { send: threadSeconds / sends, gigabyte: threadSeconds / bytes },
  );
  const told = threads.length > 0;
  return {
    name,
    bytesPerSecond: summarize(slices.map(rate)),
    sendsPerSecond: summarize(slices.map(({ sends, seconds }) => sends / seconds)),
    cpuSecondsPerGigabyte: summarize(slices.map(cpu)),
    cpuSecondsPerSend: summarize(slices.map((slice) => cpuSeconds(slice) / slice.sends)),
    threadSecondsPerSend: told ? summarize(threads.map(({ send }) => send)) : null,
    threadSecondsPerGigabyte: told ? summarize(threads.map((t) => t.gigabyte * 1e9)) : null,
    zerocopiedShare: total('zerocopied') / total('sends'),
    copiedShare: total('copied') / total('sends'),
    ratio: interval(ratios),
    cpuRatio: interval(ratiosOf(slices, first, YIELDS.cpu)),
    ratios,
    target: target ?? null,
  };
}
