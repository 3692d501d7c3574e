import { native } from '../addon/addon.js';
import { reactor } from '../addon/reactor.js';
import { LatencyHistogram } from '../base/latency-histogram.js';
import { readCounters } from './kernel-facts.js';
import type { SocketState } from './state.js';
import type { SocketCounters, SocketInfo } from './stats.js';

/** Which kind of socket it is. */
export type Protocol = SocketInfo['protocol'];
export const PROTOCOLS = ['tcp', 'udp', 'packet', 'xdp'] as const satisfies readonly Protocol[];

/** The sums over all sockets of one kind that have been closed or collected. */
class Past {
  opened = 0;
  closed = 0;
  /** closed after an error */
  errors = 0;
  /** ids that `stall` has named, those of open sockets included */
  stalled = 0;
  /** the sums of sockets that are gone; `latency` likewise */
  readonly counters: Partial<SocketCounters> = {};
  readonly latency = new LatencyHistogram();

  add(counters: SocketCounters): void {
    addCounters(this.counters, counters);
  }
}

/** What is kept of a socket that may be garbage-collected without having been closed. */
export interface Member {
  readonly handle: number;
  readonly protocol: Protocol;
  readonly state: WeakRef<SocketState>;
  readonly latency: LatencyHistogram;
}

/**
 * The open sockets of this thread, referred to weakly, and the sums of those that have closed: a
 * counter that a monitor reads must not fall when a socket closes.
 */
class Census {
  readonly past: Readonly<Record<Protocol, Past>>;
  /** whether the latency of all sockets is measured, of later ones too */
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
    const { latency } = inFlight;
    this.#members.set(handle, { handle, protocol, state: new WeakRef(state), latency });
    if (this.#measures) inFlight.measure();
  }

  /** Measures the latency of all sockets from now on. */
  measure(): void {
    if (this.#measures) return;
    this.#measures = true;
    for (const protocol of PROTOCOLS) this.past[protocol].latency.begin();
    for (const { state } of this.members()) state.deref()?.inFlight.measure();
  }

  /** Called when a socket is closed, while its handle is still valid. */
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

  /**
   * The open sockets. One that was collected just now is still among them, and its handle is valid, until
   * it has been closed.
   */
  members(): Iterable<Member> {
    return this.#members.values();
  }
}

/** Adds all counters of the addon to sums. */
export function addCounters(
  sums: Partial<SocketCounters>,
  counters: Partial<SocketCounters>,
): void {
  for (const name of native.counterNames as (keyof SocketCounters)[]) {
    sums[name] = (sums[name] ?? 0) + (counters[name] ?? 0);
  }
}

export const census = new Census();
