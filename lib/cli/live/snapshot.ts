/*
 * What the live table shows, and the page of `--web`: plain data, which survives JSON.
 *
 * Who sends makes a `Monitor` (monitor.ts) and has it look ten times a second. Who shows subscribes:
 *
 *     const unsubscribe = monitor.subscribe((snapshot) => response.write(JSON.stringify(snapshot)));
 *     for (const earlier of monitor.history) …   // the whole run so far, the oldest first
 *     monitor.latest                             // null before the first look
 *
 * A listener is called within the look, in the order of subscription, with the same frozen object as
 * `history` keeps. The last snapshot of a run has `state: 'ended'`, and comes once.
 */

import type { ShownRate } from '../base/rate.js';

/** What is sent, where to, and where it is to end: the same in all snapshots of a run. */
export interface Target {
  readonly command: 'send' | 'replay';
  /** One line for people: 'UDP datagrams of 1400 bytes to 198.18.0.2:9'. */
  readonly title: string;
  /** Seconds after which it ends; null: not by time. */
  readonly seconds: number | null;
  /** Packets after which it ends; null: not by a count. */
  readonly packets: number | null;
  /** The rate that was asked for; null: as fast as it goes. */
  readonly rate: ShownRate | null;
  /** Threads that send. */
  readonly workers: number;
  /** What is told apart: the templates of a mix, or the entries of a file of streams; null: nothing. */
  readonly parts: {
    readonly of: 'templates' | 'streams';
    readonly names: readonly string[];
  } | null;
}

/** What was sent of one part. */
export interface PartCount {
  readonly packets: number;
  readonly bytes: number;
}

/** The same at one moment, with its rates; those behind the first few are summed up as one. */
export interface Part extends PartCount {
  readonly name: string;
  /** Over the last second, and of the last snapshot over the whole run, as of the snapshot. */
  readonly packetsPerSecond: number;
  readonly bitsPerSecond: number;
}

/** Buffers of all pools that are sent from. */
export interface PoolState {
  readonly total: number;
  readonly free: number;
  /** With a user: acquired, and not sent yet. */
  readonly acquired: number;
  readonly inFlight: number;
  /** Calls that wait for a buffer. */
  readonly waiting: number;
  /** How often no buffer was free. */
  readonly dry: number;
}

/** Microseconds from a send to its completion. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Ids that have completed, by how they did (`CompletionRange.how`). */
export interface Outcomes {
  readonly zerocopy: number;
  readonly copied: number;
  /** Sent by an ordinary copying send, without asking for zero copy. */
  readonly inline: number;
  readonly revoked: number;
  readonly failed: number;
}

/** What whoever sends knows at one moment; totals are since the start of the run. */
export interface Reading {
  readonly seconds: number;
  readonly packets: number;
  readonly bytes: number;
  /** Ids given out. */
  readonly sends: number;
  readonly inFlight: number;
  /** null where the sockets are in other threads that do not tell. */
  readonly outcomes: Outcomes | null;
  readonly latency: Latency | null;
  readonly pool: PoolState | null;
  /** Packets that the interface has dropped; null: not told. */
  readonly interfaceDropped: number | null;
  /** By how much the rate was missed so far (0.01: one percent too many); null without a rate. */
  readonly rateError: number | null;
  /** Of each part of the target; null: not told apart, or not told yet. */
  readonly parts: readonly PartCount[] | null;
}

/** One moment of a run. */
export interface Snapshot extends Omit<Reading, 'parts'> {
  readonly target: Target;
  readonly state: 'running' | 'ended';
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Over the last second (or since the start); of the last snapshot, over the whole run. */
  readonly packetsPerSecond: number;
  readonly bitsPerSecond: number;
  /** Of the ids that have completed, 0 to 1: those for which the kernel reports a copy, those that were
   * copied without asking, and those that were not copied; null before the first. */
  readonly copiedShare: number | null;
  readonly inlineShare: number | null;
  readonly zerocopyShare: number | null;
  /**
   * Ids that were sent more than a second ago and have not completed: exact where ids complete in
   * order, else at least so many.
   */
  readonly late: number;
  readonly parts: readonly Part[] | null;
}
