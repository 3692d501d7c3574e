import type { LatencyBucket, LatencyHistogram, LatencySummary } from '../base/latency-histogram.js';
import { clock } from '../base/timers.js';
import type { SendInFlight } from './reapers.js';

/**
 * How long sends took until their memory was free again, in nanoseconds: from the moment when
 * `send` accepted them until their buffers were back in their pool, with whatever outcome. It
 * includes all that a program waits for: the queue, the network, and the time until its thread took
 * the completion in.
 *
 * Sends that are some 70 µs apart or more are timed one by one. Where they follow each other
 * faster, several get the time of the first of them, as all sends of one run do. Percentiles are
 * off by less than 1 in 128; minimum, mean and maximum are exact sums of what was measured.
 */
export interface CompletionLatency extends LatencySummary {
  /** when measuring began, in ms since 1970; earlier sends are not counted */
  since: number;
  /** how many sends took less than 2^13 ns (8 µs), 2^14 ns, … 2^35 ns (34 s) */
  buckets: LatencyBucket[];
}

export function latencyOf(histogram: LatencyHistogram): CompletionLatency {
  return { since: histogram.since, ...histogram.summary(), buckets: histogram.upTo() };
}

/** The send that has been in flight for longest. */
export interface OldestSend {
  /** Descriptor of its socket. */
  fd: number;
  /** Its id. */
  id: number;
  /** Nanoseconds since it was accepted. */
  age: number;
}

export function ageOf(send: SendInFlight | null): OldestSend | null {
  return send && { fd: send.fd, id: send.id, age: (clock() - send.time) * 1e6 };
}
