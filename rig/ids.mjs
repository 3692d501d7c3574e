// @ts-check
// The one checker of "each id completes exactly once", for tests, benchmarks and examples.
import { SeenSet } from './seen-set.mjs';

/** @typedef {import('zerosend').CompletionRange} CompletionRange */
/** @typedef {CompletionRange['how']} How */

const NAMED = 5; // ids of each kind of problem

/** Ids with one kind of problem. All are counted, and the first ones are named. */
class Wrong {
  count = 0;
  /** @type {number[]} */
  #first = [];

  /** @param {number} first @param {number} [last] inclusive */
  note(first, last = first) {
    this.count += last - first + 1;
    for (let id = first; id <= last && this.#first.length < NAMED; id++) this.#first.push(id);
  }

  toString() {
    return list(this.#first, this.count);
  }
}

/** @param {number[]} first @param {number} count */
const list = (first, count) => first.join(', ') + (count > first.length ? ', …' : '');

/**
 * Checks that ids are given out one after the other, and that each completes exactly once and not
 * before it was given out. A range costs some 30 ns, so a benchmark's listener can call it. Memory
 * grows with the ids that are outstanding, not with those that have completed.
 */
export class IdChecker {
  /** The first id that counts. */
  first;
  /** Ids that have completed, each once, by how they did so. @type {Partial<Record<How, number>>} */
  how = {};
  /** How many ranges were reported. */
  ranges = 0;
  /** How many ranges begin below the end of the one before; those that failed do not count. */
  late = 0;
  #latest = -1;
  #next;
  #source;
  #completed = new SeenSet();
  #twice = new Wrong();
  #unknown = new Wrong();
  #outOfTurn = new Wrong();
  /** Ranges that are malformed: their ids are not whole numbers, or the last is below the first. */
  #malformed = { count: 0, first: '' };

  /**
   * @param {{ readonly nextId: number }} [source] a socket: its ids from now on are those given out.
   *   Without one, `send` says which are, from 0 on.
   */
  constructor(source) {
    this.#source = source;
    this.first = source?.nextId ?? 0;
    this.#next = this.first;
  }

  /**
   * Makes a checker that listens to the socket's completions from now on.
   * @template {typeof IdChecker} T
   * @this {T} @param {import('zerosend').ZeroCopySocket} socket
   * @returns {InstanceType<T>}
   */
  static of(socket) {
    const checker = /** @type {InstanceType<T>} */ (new this(socket));
    socket.on('complete', (range) => void checker.complete(range));
    return checker;
  }

  /** The id after the last one that was given out. */
  get next() {
    return this.#source?.nextId ?? this.#next;
  }

  /** How many ids have been given out. */
  get sent() {
    return this.next - this.first;
  }

  /** How many different ids have completed. */
  get completed() {
    return this.#completed.size;
  }

  /** @param {number} id */
  has(id) {
    return id >= this.first && this.#completed.has(id - this.first);
  }

  /** Notes that a send got this id; for a checker without a socket. @param {number} id */
  send(id) {
    if (id !== this.#next) this.#outOfTurn.note(id);
    this.#next = id + 1;
  }

  /** @param {CompletionRange} range @returns {boolean} whether it is right so far */
  complete({ first, last, how }) {
    this.ranges++;
    if (
      !(Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 <= first && first <= last)
    ) {
      if (this.#malformed.count++ === 0) this.#malformed.first = `${first} to ${last}`;
      return false;
    }
    if (how !== 'failed') {
      if (first < this.#latest) this.late++;
      this.#latest = last;
    }
    const { next, first: base } = this;
    const from = Math.max(first, base);
    const to = Math.min(last, next - 1);
    if (from !== first) this.#unknown.note(first, Math.min(last, base - 1));
    if (to !== last) this.#unknown.note(Math.max(first, next), last);
    if (from > to) return false;
    const count = this.#completed.addRange(from - base, to - base, this.#again);
    if (count > 0) this.how[how] = (this.how[how] ?? 0) + count;
    return count === last - first + 1;
  }

  /** @param {number} n */
  #again = (n) => this.#twice.note(n + this.first);

  /** The problems so far; empty without any. @returns {string[]} */
  get wrong() {
    const problems = [];
    for (const [wrong, what] of /** @type {const} */ ([
      [this.#twice, 'ids completed more than once'],
      [this.#unknown, 'ids completed that were never given out'],
      [this.#outOfTurn, 'ids were given out of turn'],
    ])) {
      if (wrong.count > 0) problems.push(`${wrong.count} ${what}: ${wrong}`);
    }
    const { count, first } = this.#malformed;
    if (count > 0) problems.push(`${count} ranges that are none: ${first}, …`);
    return problems;
  }

  /** The problems when everything should have completed; empty without any. @returns {string[]} */
  problems() {
    const { missing } = this.result();
    if (missing === 0) return this.wrong;
    const first = this.#completed.missingBelow(this.sent, NAMED).map((n) => n + this.first);
    return [`${missing} ids never completed: ${list(first, missing)}`, ...this.wrong];
  }

  /**
   * The result as numbers, for programs that report to a test. `missing`, `twice` and `unknown`
   * have to be 0.
   */
  result() {
    const { sent, completed, how } = this;
    const unknown = this.#unknown.count + this.#outOfTurn.count + this.#malformed.count;
    return { ids: sent, missing: sent - completed, twice: this.#twice.count, unknown, how };
  }
}

/** A checker that remembers every range, for tests of a few thousand ids. */
export class IdHistory extends IdChecker {
  /** @type {CompletionRange[]} */
  history = [];

  /** @override @param {CompletionRange} range */
  complete(range) {
    this.history.push(range);
    return super.complete(range);
  }

  /** How the id completed, the first time. @param {number} id @returns {How | undefined} */
  howOf(id) {
    return this.history.find(({ first, last }) => first <= id && id <= last)?.how;
  }
}
