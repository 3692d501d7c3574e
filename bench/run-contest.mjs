// @ts-check
import { startReceiver } from '../rig/index.mjs';
import { CorrectnessError, SenderProcess } from './sender-process.mjs';
import { Sink } from './sinks.mjs';
import { summarize } from './statistics.mjs';

/**
 * @typedef {import('./contests.mjs').Contest} Contest
 * @typedef {import('./contests.mjs').Program} Program
 * @typedef {import('./sender-process.mjs').Slice} Slice
 * @typedef {import('./statistics.mjs').Summary} Summary
 *
 * @typedef {object} Result of one program
 * @property {string} name
 * @property {Summary} bytesPerSecond
 * @property {Summary} sendsPerSecond
 * @property {Summary} cpuSecondsPerGigabyte of the whole process, 10^9 bytes
 * @property {number} zerocopiedShare 0 to 1
 * @property {Summary} ratio bytes a second against the first program's in the same round
 * @property {Summary} cpuRatio bytes a CPU second likewise: less exact where a part of the work is
 *   done for the program elsewhere, but hardly moved by other load
 * @property {number[]} ratios the same, each round by itself
 * @property {number | null} target
 *
 * @typedef {import('./contests.mjs').Goal & { ratio: Summary }} GoalResult round by round, too
 */

const WARM_UP = 0.3; // seconds: compiles the JavaScript, opens TCP's window
const SINK_PORT = 9;

/**
 * The programs take turns, and each round reverses their order, so that whatever changes with time
 * (temperature, other load) meets all of them alike.
 *
 * @param {Contest} contest
 * @param {{ cSender: string, rig: import('../rig/index.mjs').Rig | null, rounds: number,
 *   seconds: number, enough?: (ratios: number[]) => boolean }} setting `enough` ends the rounds early: it
 *   is asked after each, with the ratios of the second program to the first
 * @returns {Promise<{ results: Result[], goals: GoalResult[] }>}
 */
export async function runContest(contest, { cSender, rig, rounds, seconds, enough }) {
  const { protocol, path, programs } = contest;
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
  /** @type {SenderProcess[]} */
  const senders = [];
  /** @type {Map<SenderProcess, Sink>} */
  const sinks = new Map();
  try {
    for (const [index, program] of programs.entries()) {
      const sink = namespace && takesFrames(contest, program) ? new Sink(namespace, index) : null;
      await sink?.create();
      const where = sink ? [...destination, '--interface', sink.name] : destination;
      const sender = new SenderProcess(program, { cSender, namespace, destination: where });
      senders.push(sender);
      if (sink) sinks.set(sender, sink);
    }
    for (const sender of senders) await sender.ready();
    for (const sender of senders) await sender.run(WARM_UP);
    /** @type {Slice[][]} */
    const slices = senders.map(() => []);
    for (let round = 0; round < rounds; round++) {
      const order = [...senders.entries()];
      if (round % 2 === 1) order.reverse();
      for (const [index, sender] of order) slices[index]?.push(await sender.run(seconds));
      if (enough?.(ratiosOf(slices[1] ?? [], slices[0] ?? [], YIELDS.rate))) break;
    }
    for (const sender of senders) await sender.stop();
    if (receiver && protocol === 'tcp') await checkReceived(receiver, senders);
    for (const [{ program, sends }, sink] of sinks) await sink.check(program.name, sends);
    const slicesOf = (/** @type {string} */ name) =>
      slices[programs.findIndex((program) => program.name === name)] ?? [];
    return {
      results: programs.map((program) =>
        resultOf(program, slicesOf(program.name), slices[0] ?? []),
      ),
      goals: (contest.goals ?? []).map((goal) => {
        const [slices, against] = [slicesOf(goal.program), slicesOf(goal.against)];
        return { ...goal, ratio: summarize(ratiosOf(slices, against, YIELDS[goal.by])) };
      }),
    };
  } finally {
    for (const sender of senders) sender.kill();
    for (const sink of sinks.values()) await sink.remove();
    await receiver?.stop();
  }
}

/** Whether the program sends whole frames. @param {Contest} contest @param {Program} program */
function takesFrames({ protocol }, { args }) {
  return (protocol === 'packet' || protocol === 'xdp') && args[0] !== 'dgram';
}

/** @param {import('../rig/index.mjs').Receiver} receiver @param {SenderProcess[]} senders */
async function checkReceived(receiver, senders) {
  const sent = senders.reduce((sum, { bytes }) => sum + bytes, 0);
  // Every sender has closed its connection; the receiver has read all there was when it saw the ends.
  const report = await receiver.until(({ eof, open }) => eof === senders.length && open === 0);
  if (report.bytes !== sent) {
    throw new CorrectnessError(`${sent} bytes were sent, ${report.bytes} received`);
  }
}

const rate = (/** @type {Slice} */ { bytes, seconds }) => bytes / seconds;
const cpu = (/** @type {Slice} */ { userSeconds, systemSeconds, bytes }) =>
  (userSeconds + systemSeconds) / (bytes / 1e9);
/** What is compared: the more, the better. */
const YIELDS = { rate, cpu: (/** @type {Slice} */ slice) => 1 / cpu(slice) };

/** @param {Slice[]} slices @param {Slice[]} against @param {(slice: Slice) => number} yieldOf */
function ratiosOf(slices, against, yieldOf) {
  return slices.map((slice, i) => yieldOf(slice) / yieldOf(against[i] ?? slice));
}

/**
 * @param {Program} program @param {Slice[]} slices @param {Slice[]} first
 * @returns {Result}
 */
function resultOf({ name, target = undefined }, slices, first) {
  const total = (/** @type {'sends' | 'zerocopied'} */ key) =>
    slices.reduce((sum, slice) => sum + slice[key], 0);
  const ratios = ratiosOf(slices, first, YIELDS.rate);
  return {
    name,
    bytesPerSecond: summarize(slices.map(rate)),
    sendsPerSecond: summarize(slices.map(({ sends, seconds }) => sends / seconds)),
    cpuSecondsPerGigabyte: summarize(slices.map(cpu)),
    zerocopiedShare: total('zerocopied') / total('sends'),
    ratio: summarize(ratios),
    cpuRatio: summarize(ratiosOf(slices, first, YIELDS.cpu)),
    ratios,
    target: target ?? null,
  };
}
