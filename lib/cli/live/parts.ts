// Templates and kinds of streams, which are counted separately.
import { bits, bytes, count, share, time } from '../base/format.js';
import type { Part, PartCount, Reading, Target } from './snapshot.js';

/** The most parts that are shown separately. Further ones are shown as one. */
const MOST = 16;

function folded(counts: readonly PartCount[]): readonly PartCount[] {
  if (counts.length <= MOST) return counts;
  const rest = counts.slice(MOST - 1);
  const sum = (of: 'packets' | 'bytes') => rest.reduce((all, one) => all + one[of], 0);
  return [...counts.slice(0, MOST - 1), { packets: sum('packets'), bytes: sum('bytes') }];
}

/** A reading with at most that many parts; null where parts are not counted. */
export function foldedParts(reading: Reading, { parts }: Target): Reading {
  const counts = parts === null ? null : reading.parts;
  return { ...reading, parts: counts && folded(counts) };
}

/**
 * The parts of a moment.
 * @param since the earlier reading from which rates are counted; null for the start
 */
export function partsOf(
  { parts }: Target,
  { parts: counts, seconds }: Reading,
  since: Reading | null,
): readonly Part[] | null {
  if (parts === null || counts === null) return null;
  const { names } = parts;
  const passed = seconds - (since?.seconds ?? 0);
  const over = (amount: number) => (passed > 0 ? amount / passed : 0);
  return counts.map(({ packets, bytes }, i) => {
    const before = since?.parts?.[i];
    const rest = names.length - MOST + 1;
    return {
      name: i === MOST - 1 && names.length > MOST ? `${count(rest)} others` : (names[i] ?? ''),
      packets,
      bytes,
      packetsPerSecond: over(packets - (before?.packets ?? 0)),
      bitsPerSecond: over((bytes - (before?.bytes ?? 0)) * 8),
    };
  });
}

/** A row of the live table for each part: its name, and what was sent of it. */
export function partRows(parts: readonly Part[], packets: number): [string, string][] {
  return parts.map((part) => [
    part.name,
    `${count(part.packets)} packets (${share(packets > 0 ? part.packets / packets : 0)}), ` +
      `${count(part.packetsPerSecond)}/s, ${bits(part.bitsPerSecond)}`,
  ]);
}

/** The result of a part at the end. */
export interface PartEnding extends PartCount {
  /**
   * for streams: their number, the packets a second that were asked for and sent, and the mean
   * jitter in µs
   */
  readonly streams?: number;
  readonly asked?: number;
  readonly achieved?: number;
  readonly jitter?: number;
}

/** A line of the report for each part. */
export function partLines(
  names: readonly string[],
  parts: readonly PartEnding[],
  packets: number,
): string[] {
  const lines = parts.slice(0, MOST).map((part, i) => {
    const { streams, asked = 0, achieved = 0, jitter = 0 } = part;
    const sent =
      `${count(part.packets)} packets, ${bytes(part.bytes)} ` +
      `(${share(packets > 0 ? part.packets / packets : 0)} of all packets)`;
    const many = streams === undefined || streams === 1 ? '' : `${count(streams)} streams, `;
    const kept =
      streams === undefined
        ? ''
        : `, ${count(achieved)} of ${count(asked)} packets/s, jitter ${time(jitter)}`;
    return `  ${names[i] ?? ''}: ${many}${sent}${kept}`;
  });
  const more = parts.length - lines.length;
  return more > 0 ? [...lines, `  and ${count(more)} more (--json has all)`] : lines;
}
