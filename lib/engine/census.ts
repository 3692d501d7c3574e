import { native } from '../addon/addon.js';
import { reactor } from '../addon/reactor.js';
import { LatencyHistogram } from '../base/latency-histogram.js';
import { readCounters } from './kernel-facts.js';
import type { SocketState } from './state.js';
import type { SocketCounters, SocketInfo } from './stats.js';

/** Which kind of socket it is. */
export type Protocol = SocketInfo['protocol'];
export const PROTOCOLS = ['tcp', 'udp', 'packet', 'xdp'] as const satisfies readonly Protocol[];

/** What has been counted of the sockets of one kind. */
class Past {
  opened = 0;
  closed = 0;
  /** closed after an error */
  errors = 0;
  /** ids that `stall` has named, also of those that are open */
  stalled = 0;
  /** of those that are gone, as is the latency */
  readonly counters: Partial<SocketCounters> = {};
  readonly latency = new LatencyHistogram();

  add(counters: SocketCounters): void {
    addCounters(this.counters, counters);
  }
}

/** What outlives a socket that is collected without having been closed. */
interface Member {
  readonly protocol: Protocol;
  readonly state: WeakRef<SocketState>;
  readonly latency: LatencyHistogram;
}

/**
 * The sockets of this thread that are open, none of which it keeps, and the sums of those that were:
 * what a monitor counts must not fall when a socket closes.
 */
class Census {
  readonly past: Readonly<Record<Protocol, Past>>;
  /** whether all sockets are measured, those included that are opened from now on */
  #measures = false;
  readonly #members = new Map<number, Member>();

  constructor() {
    const [tcp, udp, packet, xdp] = [new Past(), new Past(), new Past(), new Past()];
    this.past = { tcp, udp, packet, xdp };
    reactor.forgotten = (handle) => this.#remove(handle, () => readCounters(handle));
  }

  add(state: SocketState): void {
    const { protocol, inFlight, handle } = state;
    this.past[protocol].opened++;
    const member = { protocol, state: new WeakRef(state), latency: inFlight.latency };
    this.#members.set(handle, member);
    if (this.#measures) inFlight.measure();
  }

  /** Measures the latency of all sockets from now on. */
  measure(): void {
    if (this.#measures) return;
    this.#measures = true;
    for (const protocol of PROTOCOLS) this.past[protocol].latency.begin();
    for (const { inFlight } of this.open()) inFlight.measure();
  }

  /** It is closing for good; its handle still answers. */
  remove({ handle, protocol, error }: SocketState, counters: SocketCounters): void {
    if (this.#remove(handle, () => counters) && error !== null) this.past[protocol].errors++;
  }

  #remove(handle: number, counters: () => SocketCounters): boolean {
    const member = this.#members.get(handle);
    if (member === undefined) return false;
    this.#members.delete(handle);
    const past = this.past[member.protocol];
    past.closed++;
    past.add(counters());
    past.latency.add(member.latency);
    return true;
  }

  /** The sockets that are open. One that is just being collected counts as gone a moment later. */
  *open(): Iterable<SocketState> {
    for (const { state } of this.#members.values()) {
      const alive = state.deref();
      if (alive !== undefined) yield alive;
    }
  }
}

/** Adds each counter of the addon. */
export function addCounters(
  sums: Partial<SocketCounters>,
  counters: Partial<SocketCounters>,
): void {
  for (const name of native.counterNames as (keyof SocketCounters)[]) {
    sums[name] = (sums[name] ?? 0) + (counters[name] ?? 0);
  }
}

export const census = new Census();
