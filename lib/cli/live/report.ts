import type {
  GenerateReport,
  ReplayReport,
  StreamsReport,
  WorkersReport,
} from '../../generator/index.js';
import type { SocketStats } from '../../index.js';
import { EXIT, type ExitCode } from '../base/command.js';
import { bits, bytes, count, share, time } from '../base/format.js';
import type { Terminal } from '../base/terminal.js';
import { type PartEnding, partLines } from './parts.js';
import type { Target } from './snapshot.js';
import { percent } from './table.js';

type AnyReport = GenerateReport | WorkersReport | StreamsReport | ReplayReport;

/** The end of a run, for the report. */
export interface Ending<R extends AnyReport> {
  readonly target: Target;
  readonly report: R;
  /** The error that ended it early, if any. */
  readonly error: Error | null;
  /** The counters of the socket, where it is in this thread. */
  readonly stats: SocketStats | null;
  /** What was sent of each part of the target, where it has any. */
  readonly parts?: readonly PartEnding[] | null;
}

/** Prints how a run has ended, for people or as JSON. Returns the exit code for it. */
export function printEnding<R extends AnyReport>(
  { target, report, error, stats, parts = null }: Ending<R>,
  terminal: Terminal,
  json: boolean,
): ExitCode {
  const ok = error === null && report.failed + report.unfinished === 0;
  if (json) {
    terminal.printJson({
      command: target.command,
      ok,
      interrupted: report.ended === 'signal',
      error: error && { code: (error as { code?: unknown }).code ?? null, message: error.message },
      target,
      ...report,
      ...(target.parts !== null && { parts }),
      stats,
    });
  } else {
    terminal.print(terminal.colour.bold(target.title));
    for (const line of linesOf(report)) terminal.print(line);
    if (target.parts !== null && parts !== null) {
      for (const line of partLines(target.parts.names, parts, report.packets)) terminal.print(line);
    }
    if (error !== null) terminal.note(`zerosend: ${error.message}`);
  }
  return ok ? EXIT.OK : EXIT.FAILED;
}

/** Reports an interruption before anything was sent: while waiting for a connection, or for a capture. */
export function printNothingSent(
  { json, terminal }: { readonly json: boolean; readonly terminal: Terminal },
  target: Target,
): ExitCode {
  const { command } = target;
  const nothing = { packets: 0, bytes: 0, sends: 0, failed: 0, unfinished: 0 };
  const ending = { command, ok: true, interrupted: true, error: null, target, ...nothing };
  if (json) terminal.printJson(ending);
  else terminal.print('Ended early, by a signal: nothing was sent.');
  return EXIT.OK;
}

function linesOf(report: AnyReport): string[] {
  const { packets, seconds, sends, failed, unfinished, dry, interfaceDropped, latency } = report;
  const lines = [
    `sent ${count(packets)} packets, ${bytes(report.bytes)}, in ${seconds.toFixed(2)} s: ` +
      `${count(report.packetsPerSecond)} packets/s, ${bits(report.bitsPerSecond)}`,
    idsOf(report),
  ];
  if (latency !== null && latency.count > 0) {
    const [p50, p99, max] = [latency.p50, latency.p99, latency.max].map((ns) => time(ns / 1e3));
    lines.push(`completed within ${p50} (p50), ${p99} (p99), ${max} (max)`);
  }
  lines.push(...pacingOf(report), ...replayedOf(report));
  if ('refused' in report && report.refused > 0) {
    lines.push(`${count(report.refused)} packets were refused, and left out`);
  }
  if (dry > 0) lines.push(`no buffer was free ${count(dry)} times: sending waited for completions`);
  if (interfaceDropped > 0) {
    lines.push(`the interface has dropped ${count(interfaceDropped)} packets meanwhile`);
  }
  if (report.ended === 'signal') lines.push('Ended early, by a signal.');
  if (failed > 0) lines.push(`NOT RIGHT: ${count(failed)} of ${count(sends)} sends have failed`);
  if (unfinished > 0) {
    lines.push(`NOT RIGHT: ${count(unfinished)} of ${count(sends)} sends have not completed`);
  }
  return lines;
}

function idsOf({ outcomes, sends }: AnyReport): string {
  const completed = Object.values(outcomes).reduce((sum, part) => sum + part);
  const of = (part: number) => share(completed === 0 ? 0 : part / completed);
  const { zerocopy, copied, inline } = outcomes;
  return (
    `${count(completed)} of ${count(sends)} ids completed: ${of(zerocopy)} without a copy, ` +
    `${of(copied)} copied by the kernel, ${of(inline)} inline`
  );
}

function pacingOf(report: AnyReport): string[] {
  const all = 'workers' in report ? report.workers : [report];
  return all.flatMap((one, index) => {
    const pacing = 'pacing' in one ? one.pacing : null;
    if (pacing === null) return [];
    const who = all.length > 1 ? `worker ${index}: ` : '';
    const lost =
      pacing.lost > 0 ? `, ${count(pacing.lost)} were due too long ago and left out` : '';
    return [
      `${who}the rate of ${count(pacing.asked)} packets/s was kept but for ` +
        `${percent(pacing.error)}, at most ${count(pacing.largestBurst)} at once, late by ` +
        `${time(pacing.lateness.p50)} (p50), ${time(pacing.lateness.p99)} (p99)${lost}`,
    ];
  });
}

function replayedOf(report: AnyReport): string[] {
  if (!('skipped' in report)) return [];
  const { frames, loops, lateness, skipped, unordered, problem, notRewritten } = report;
  const stay = Object.entries(notRewritten).map(([kind, number]) => `${count(number)} ${kind}`);
  return [
    `${count(frames)} frames of the capture, ${count(loops)} whole rounds`,
    ...(lateness ? [`late by ${time(lateness.p50)} (p50), ${time(lateness.p99)} (p99)`] : []),
    ...skipped.map(
      ({ reason, detail, frames: number, firstOffset, longest }) =>
        `left out: ${count(number)} frames (${detail ? `${reason}: ${detail}` : reason}), the first at byte ${firstOffset}, ` +
        `the longest of ${longest} bytes`,
    ),
    ...(unordered > 0
      ? [`${count(unordered)} frames have no time that follows an earlier one`]
      : []),
    ...(stay.length > 0 ? [`sent with addresses that are not rewritten: ${stay.join(', ')}`] : []),
    ...(problem ? [`the file ends early: ${problem.message}, at byte ${problem.offset}`] : []),
  ];
}
