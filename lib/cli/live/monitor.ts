import { foldedParts, partsOf } from './parts.js';
import type { Reading, Snapshot, Target } from './snapshot.js';
import { Window } from './window.js';

/**
 * The most snapshots that `history` keeps. Of a longer run only every second one is kept, then
 * every fourth, and so on.
 */
const KEPT = 1200;
/** Looks that come sooner than this after the last one, in ms, are ignored. */
const SOONEST = 80;

type Listener = (snapshot: Snapshot) => void;

/**
 * Makes snapshots of a run from the readings of its sender, keeps its history, and calls the
 * subscribers.
 */
export class Monitor {
  readonly target: Target;
  readonly #window = new Window();
  readonly #listeners = new Set<Listener>();
  readonly #history: Snapshot[] = [];
  /** Of how many snapshots one is kept. */
  #every = 1;
  #looks = 0;
  #latest: Snapshot | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(target: Target) {
    this.target = target;
  }

  /** The snapshot of the latest look; null before the first. */
  get latest(): Snapshot | null {
    return this.#latest;
  }

  /** The run so far, the oldest snapshot first, at equal distances, which grow with the run. */
  get history(): readonly Snapshot[] {
    return this.#history;
  }

  /** Calls `listener` with each snapshot from now on. Returns a function that ends that. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a reading, at most about ten times a second. */
  look(read: () => Reading): void {
    const now = performance.now();
    if (now - this.#lookedAt < SOONEST || this.#latest?.state === 'ended') return;
    this.#lookedAt = now;
    const reading = foldedParts(read(), this.target);
    this.#window.add(reading);
    this.#tell(reading, 'running');
  }

  /** Takes the last reading. The rates of its snapshot are those of the whole run. */
  end(reading: Reading): void {
    if (this.#latest?.state !== 'ended') this.#tell(foldedParts(reading, this.target), 'ended');
  }

  #tell(reading: Reading, state: Snapshot['state']): void {
    const { target } = this;
    const rates = state === 'ended' ? meanOf(reading) : this.#window.rates();
    const late = state === 'ended' ? reading.inFlight : this.#window.late(reading);
    const snapshot = Object.freeze({
      ...reading,
      target,
      state,
      at: Date.now(),
      ...rates,
      ...sharesOf(reading),
      late,
      parts: partsOf(target, reading, state === 'ended' ? null : this.#window.oldest),
    });
    this.#latest = snapshot;
    this.#keep(snapshot);
    for (const listener of this.#listeners) listener(snapshot);
  }

  #keep(snapshot: Snapshot): void {
    if (this.#looks++ % this.#every !== 0 && snapshot.state === 'running') return;
    this.#history.push(snapshot);
    if (this.#history.length < KEPT || snapshot.state === 'ended') return;
    const kept = this.#history.filter((_, index) => index % 2 === 0);
    this.#history.splice(0, KEPT, ...kept);
    this.#every *= 2;
  }
}

function meanOf({ packets, bytes, seconds }: Reading) {
  const over = (amount: number) => (seconds > 0 ? amount / seconds : 0);
  return { packetsPerSecond: over(packets), bitsPerSecond: over(bytes * 8) };
}

function sharesOf({ outcomes }: Reading) {
  const all = outcomes === null ? 0 : Object.values(outcomes).reduce((a, b) => a + b);
  const share = (part: number) => (all > 0 ? part / all : null);
  return {
    copiedShare: share(outcomes?.copied ?? 0),
    inlineShare: share(outcomes?.inline ?? 0),
    zerocopyShare: share(outcomes?.zerocopy ?? 0),
  };
}
