import { noteTimes } from '../addon/mailbox.js';
import { LatencyHistogram } from '../base/latency-histogram.js';
import { recentClock } from '../base/recent-clock.js';
import type { Run } from '../buffers/run.js';
import type { Slot } from '../buffers/slots.js';
import { endHolding, enlarged, giveBack, type Holder, markPools, poolOf } from './holder.js';
import { holdForEver, retireLost, warnOfMappings } from './lost-memory.js';
import { RunQueue } from './run-queue.js';
import { SendTimes } from './send-times.js';

/** It is small, since a program may have thousands of sockets with a send or two in flight each. */
const FIRST_CAPACITY = 16;

/**
 * The sends of one socket that have not completed, and what each holds:
 *
 *          low                     next
 *           v                       v
 *   ........[ b | - | b | b | - | b ].......   holder of id i at ring[i & mask]; - has completed
 *
 * The holders are also what keeps plain arrays alive while the kernel reads them. A run stands as a
 * whole in a queue beside the ring, for as long as its ids complete in order. When one completes out
 * of order, the run moves into the ring, where each of its ids refers to it.
 */
export class InFlight {
  /** the id of the next send */
  next: number;
  /** every id below has completed */
  low: number;
  #done: number; // the first id plus the number of those that have completed
  #ring: (Holder | null)[] = new Array(FIRST_CAPACITY).fill(null);
  #mask = FIRST_CAPACITY - 1;
  /** ids from `low` to before this one are those of `addPrompt`, which have no place in the ring */
  #promptEnd: number;
  /** Adding this id needs more work: the ring is full, or the time has to be noted. */
  #limit: number;
  #most = 0;
  /** how long sends took to complete, once `measure` has been called */
  readonly latency = new LatencyHistogram();
  /** when sends were made; null until `measure` is called */
  times: SendTimes | null = null;
  #retired: Set<number> | null = null;
  #passed: Set<number> | null = null;
  readonly #runs = new RunQueue();

  constructor(first: number) {
    this.next = first;
    this.low = first;
    this.#done = first;
    this.#promptEnd = first;
    this.#limit = first + this.#ring.length;
  }

  /** how many sends have not completed */
  get size(): number {
    return this.next - this.#done;
  }

  /** the largest value that `size` has had */
  get most(): number {
    return Math.max(this.#most, this.size);
  }

  /** Begins to note when sends are made. */
  measure(): SendTimes {
    noteTimes();
    this.times ??= new SendTimes(this.latency, this.low, this.next);
    this.markNext();
    return this.times;
  }

  /** The next send must not share a mark with those before it. */
  markNext(): void {
    if (this.times === null) return;
    this.times.due = this.next;
    this.#limit = this.next;
  }

  /** To be called when the program turns to other things. */
  rest(): void {
    this.times?.rest(this.next);
    this.markNext();
  }

  /** Called before a send that directly follows the taking in of completions. */
  markFrom(clock: typeof recentClock): void {
    if (this.times === null || !clock.isFresh) return;
    this.times.markAt(this.next, clock.latest);
    this.#setLimit();
  }

  add(holder: Holder): number {
    if (this.next >= this.#limit) this.#prepare(1, holder);
    this.#ring[this.next & this.#mask] = holder;
    return this.next++;
  }

  /** Whether all ids have completed but for those of `addPrompt`, which are the latest. */
  get takesPrompt(): boolean {
    return this.next === this.low || this.next === this.#promptEnd;
  }

  /** Takes the next id for a send of this memory that has completed within its call, and holds nothing. */
  addPrompt(memory: Holder): number {
    const { times } = this;
    if (times !== null && this.next >= times.due) times.mark(this.next, poolOf(memory));
    this.#promptEnd = ++this.next;
    return this.next - 1;
  }

  /** Completes the ids of `addPrompt`. Returns how many they are, up to the new `low`. */
  completePrompt(): number {
    const count = this.#promptEnd - this.low;
    if (count <= 0) return 0;
    this.#note(this.low, this.#promptEnd);
    this.#advance(count, this.#promptEnd);
    return count;
  }

  /** Puts the holder of the id `next + i` in its place, after `reserve`, before its send is accepted. */
  place(i: number, holder: Slot): void {
    this.#ring[(this.next + i) & this.#mask] = holder;
  }

  placed(i: number): Slot {
    return this.#ring[(this.next + i) & this.#mask] as Slot;
  }

  /** Takes the first `count` holders that were placed out again: they are not sent. */
  cancelPlaced(count: number): void {
    for (let i = 0; i < count; i++) {
      const slot = this.placed(i);
      slot.slots.cancelSend(slot);
      this.#ring[(this.next + i) & this.#mask] = null;
    }
  }

  /** Takes the next ids for the `count` holders that were placed. */
  addPlaced(count: number): { first: number; last: number } {
    if (this.next + count > this.#limit) this.#prepare(count, this.placed(0));
    if (this.times !== null) markPools(this.#ring, count, this.times, this.next);
    const first = this.next;
    this.next = first + count;
    return { first, last: this.next - 1 };
  }

  /** Adds a run, with as many ids as it has buffers. Returns the first id. */
  addRun(run: Run): number {
    const first = this.next;
    const end = first + run.count;
    if (end > this.#limit) this.#prepare(run.count, run);
    this.#runs.add(run);
    this.next = end;
    run.sent(first);
    return first;
  }

  /** Makes room for `count` more ids of a holder, and notes the time if due. */
  #prepare(count: number, holder: Holder): void {
    this.reserve(count);
    const { next, times } = this;
    if (times !== null && next + count > times.due) times.mark(next, poolOf(holder));
    this.#setLimit();
  }

  /** Makes room for `count` more ids. */
  reserve(count: number): void {
    while (this.next + count - this.low > this.#ring.length) {
      this.#ring = enlarged(this.#ring, this.low, this.next);
      this.#mask = this.#ring.length - 1;
      this.#setLimit();
    }
  }

  #setLimit(): void {
    const full = this.low + this.#ring.length;
    this.#limit = this.times === null ? full : Math.min(full, this.times.due);
  }

  has(id: number): boolean {
    if (id < this.low || id >= this.next) return false;
    if (id < this.#promptEnd) return true;
    if (this.#ring[id & this.#mask] !== null) return true;
    const run = this.#runs.of(id);
    return run !== null && id >= run.nextId;
  }

  /**
   * Notes that the memory of this send must never be used again; its pages could not be replaced
   * because of `errno`. The send still has to be completed, by `complete`.
   */
  retire(id: number, errno = 0): void {
    warnOfMappings(errno);
    this.#retired ??= new Set();
    this.#retired.add(id);
  }

  /**
   * Notes that the kernel's ring has gone past this frame. The send will fail, but unlike other unsent
   * frames its slot must not be handed out before its turn.
   */
  passed(id: number): void {
    this.#passed ??= new Set();
    this.#passed.add(id);
  }

  /**
   * Releases the memory of these ids; `unsent` says that they never left. Returns how many had not
   * completed before: all of them, unless the kernel or the addon has reported an id twice.
   */
  complete(first: number, last: number, unsent: boolean): number {
    if (!unsent || !this.#passed?.size) return this.#complete(first, last, unsent);
    let fresh = 0;
    for (let id = first; id <= last; id++) {
      fresh += this.#complete(id, id, !this.#passed.delete(id));
    }
    return fresh;
  }

  /** Lets go of the memory of these ids, which have completed. `complete` is called for them later. */
  giveBack(first: number, last: number): void {
    giveBack(this.#ring, Math.max(first, this.low), Math.min(last + 1, this.next));
  }

  #complete(first: number, last: number, unsent: boolean): number {
    const begin = Math.max(first, this.low);
    const end = Math.min(last + 1, this.next);
    this.#note(begin, end);
    const fresh =
      this.#runs.oldest === null
        ? this.#completeEach(begin, end, unsent)
        : this.#completeRuns(begin, end, unsent);
    const ring = this.#ring;
    const mask = this.#mask;
    const stop = this.#runs.oldest?.nextId ?? this.next;
    let low = this.low;
    while (low < stop && ring[low & mask] === null) low++;
    this.#advance(fresh, low);
    return fresh;
  }

  /** Ids complete, none of which has been counted as completed. */
  #note(begin: number, end: number): void {
    if (this.size > this.#most) this.#most = this.size;
    this.times?.completed(begin, end, recentClock.ofBatch());
  }

  #advance(fresh: number, low: number): void {
    this.#done += fresh;
    this.low = low;
    this.times?.forget(low);
    this.#setLimit();
  }

  /** Completes ids none of which is in a whole run. */
  #completeEach(first: number, end: number, unsent: boolean): number {
    const ring = this.#ring;
    const mask = this.#mask;
    const retired = this.#retired;
    let fresh = 0;
    for (let id = first; id < end; id++) {
      const holder = ring[id & mask] as Holder | null;
      if (holder === null) continue;
      ring[id & mask] = null;
      fresh++;
      if (retired?.delete(id)) holdForEver(holder, id);
      endHolding(holder, id, unsent);
    }
    return fresh;
  }

  #completeRuns(first: number, end: number, unsent: boolean): number {
    let fresh = 0;
    for (let id = first; id < end; ) {
      const run = this.#runs.oldest;
      if (run === null || id < run.nextId) {
        const stop = run === null ? end : Math.min(end, run.nextId);
        fresh += this.#completeEach(id, stop, unsent);
        id = stop;
      } else if (id > run.nextId) {
        this.#spread(run);
      } else {
        const stop = Math.min(end, run.endId);
        if (stop === run.endId) this.#runs.leave();
        fresh += stop - id;
        run.nextId = stop;
        retireLost(this.#retired, run, id, stop);
        run.completed(id, stop - id, unsent);
        id = stop;
      }
    }
    return fresh;
  }

  /** Moves the oldest whole run, which completes out of order, into the ring. */
  #spread(run: Run): void {
    this.#runs.leave();
    for (let id = run.nextId; id < run.endId; id++) this.#ring[id & this.#mask] = run;
  }
}
