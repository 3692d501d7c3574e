/*
 * The data of the live table and of the page of `--web`: plain values that survive JSON.
 *
 * The sending side makes a `Monitor` (monitor.ts) and has it look ten times a second. A view
 * subscribes:
 *
 *     const unsubscribe = monitor.subscribe((snapshot) => response.write(JSON.stringify(snapshot)));
 *     for (const earlier of monitor.history) …   // the whole run so far, the oldest first
 *     monitor.latest                             // null before the first look
 *
 * A listener is called within the look, in the order of subscription, with the same frozen object as
 * `history` keeps. The last snapshot of a run has `state: 'ended'`, and comes once.
 */

import type { ShownRate } from '../base/rate.js';

/** What is sent, where, and when it ends. It is the same in all snapshots of a run. */
export interface Target {
  readonly command: 'send' | 'replay';
  /** One line for people: 'UDP datagrams of 1400 bytes to 198.18.0.2:9'. */
  readonly title: string;
  /** Seconds after which the run ends; null without a limit. */
  readonly seconds: number | null;
  /** Packets after which the run ends; null without a limit. */
  readonly packets: number | null;
  /** The rate that was asked for; null for as fast as possible. */
  readonly rate: ShownRate | null;
  /** Threads that send. */
  readonly workers: number;
  /**
   * The parts that are counted separately: the templates of a mix, or the entries of a file of
   * streams; null without any.
   */
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

/** A part at one moment, with its rates. Parts behind the first few are summed up as one. */
export interface Part extends PartCount {
  readonly name: string;
  /** Over the last second; in the last snapshot, over the whole run. */
  readonly packetsPerSecond: number;
  readonly bitsPerSecond: number;
}

/** The buffers of all pools that are sent from. */
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
  /** Sent by an ordinary copying send. */
  readonly inline: number;
  readonly revoked: number;
  readonly failed: number;
}

/** The counts of the sending side at one moment. Totals are since the start of the run. */
export interface Reading {
  readonly seconds: number;
  readonly packets: number;
  readonly bytes: number;
  /** Ids given out. */
  readonly sends: number;
  readonly inFlight: number;
  /** null where the sockets are in other threads that do not report it. */
  readonly outcomes: Outcomes | null;
  readonly latency: Latency | null;
  readonly pool: PoolState | null;
  /** Packets that the interface has dropped; null where that is not known. */
  readonly interfaceDropped: number | null;
  /** By how much the rate was missed so far (0.01: one percent too many); null without a rate. */
  readonly rateError: number | null;
  /** The counts of each part; null where parts are not counted, or not known yet. */
  readonly parts: readonly PartCount[] | null;
}

/** One moment of a run. */
export interface Snapshot extends Omit<Reading, 'parts'> {
  readonly target: Target;
  readonly state: 'running' | 'ended';
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Over the last second (or since the start); in the last snapshot, over the whole run. */
  readonly packetsPerSecond: number;
  readonly bitsPerSecond: number;
  /**
   * Shares of the ids that have completed, 0 to 1: those for which the kernel reported a copy,
   * those that were sent by copying, and those that were not copied; null before the first.
   */
  readonly copiedShare: number | null;
  readonly inlineShare: number | null;
  readonly zerocopyShare: number | null;
  /**
   * Ids that were sent more than a second ago and have not completed. The number is exact where ids
   * complete in order, and otherwise a lower bound.
   */
  readonly late: number;
  readonly parts: readonly Part[] | null;
}
