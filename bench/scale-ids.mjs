// @ts-check
// Measures what a send costs as ids grow: one socket sends until its ids have seven
// digits.
import { frameArgs, frames } from './frames.mjs';
import { c, js } from './program.mjs';
import { align } from './report.mjs';
import { SenderProcess } from './sender-process.mjs';
import { Sink } from './sinks.mjs';
import { summarize } from './statistics.mjs';

/** @typedef {{ from: number, name: string, cpuSecondsPerSend: import('./statistics.mjs').Summary }} IdRow */

const MOST = { quick: 1e6, full: 1e7 };
const SECONDS = 0.05; // seconds of one measurement: a few ten thousand ids
const PROGRAMS = [
  js(
    'PacketSocket, runs of 256',
    ['ring', '--frame', 'small', '--runs', '--batch', '256'],
    'zerocopied',
  ),
  c('C, the ring', frameArgs(frames.small), 'zerocopied'),
];

/** @type {import('./contests.mjs').Contest} */
export const scaleIds = {
  name: 'scale-ids',
  title: 'the transmit ring, nanoseconds of CPU a frame as ids grow (C counts none)',
  sink: true,
  async run({ cSender, rig, quick }) {
    if (rig === null) throw new TypeError('no network of its own');
    const most = quick ? MOST.quick : MOST.full;
    /** @type {IdRow[]} */
    const rows = [];
    for (const [index, program] of PROGRAMS.entries()) {
      const sink = new Sink(rig.sender, index);
      await sink.create();
      const destination = ['--protocol', 'packet', '--interface', sink.name];
      const where = { cSender, namespace: rig.sender, destination };
      const sender = new SenderProcess(program, where);
      try {
        await sender.ready();
        /** @type {Map<number, number[]>} costs by the decade that the first id was in */
        const decades = new Map();
        while (sender.sends < most) {
          const decade = 10 ** Math.floor(Math.log10(Math.max(1, sender.sends)));
          const { userSeconds, systemSeconds, sends } = await sender.run(SECONDS);
          const costs = decades.get(decade) ?? [];
          costs.push((userSeconds + systemSeconds) / sends);
          decades.set(decade, costs);
        }
        await sender.stop();
        await sink.check(program.name, sender.sends);
        for (const [from, costs] of decades) {
          // The first measurement is left out, since V8 compiles the JavaScript during it.
          if (from > 1)
            rows.push({ from, name: program.name, cpuSecondsPerSend: summarize(costs) });
        }
      } finally {
        sender.kill();
        await sink.remove();
      }
    }
    return { rows };
  },
  table(/** @type {{ rows: IdRow[] }} */ { rows }) {
    const lines = rows.map(({ from, name, cpuSecondsPerSend: { median, low, high } }) => [
      ...[`${name}, from 10^${Math.log10(from).toFixed(0)}`, (median * 1e9).toFixed(0)],
      `${(low * 1e9).toFixed(0)}-${(high * 1e9).toFixed(0)}`,
    ]);
    return align([['', 'ns', 'quartiles'], ...lines]).join('\n');
  },
};
