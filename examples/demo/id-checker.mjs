// @ts-check
import { SeenSet } from './seen-set.mjs';

const NAMED = 5; // of each kind of problem

/** Checks that ids are 0, 1, 2, … and that each completes exactly once. */
export class IdChecker {
  #completed = new SeenSet();
  /** How many ids have been given out. */
  sent = 0;
  /** @type {{ count: number, first: number[] }} */
  #duplicates = { count: 0, first: [] };
  /** @type {{ count: number, first: number[] }} */
  #unknown = { count: 0, first: [] };
  /** @type {{ count: number, first: number[] }} */
  #skipped = { count: 0, first: [] };
  /** @type {string[]} */
  #malformed = [];

  /** How many different ids have completed. */
  get completed() {
    return this.#completed.size;
  }

  /** A send got this id. @param {number} id */
  send(id) {
    if (id !== this.sent) note(this.#skipped, id);
    this.sent = id + 1;
  }

  /** @param {number} first @param {number} last inclusive */
  complete(first, last) {
    if (
      !(Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 <= first && first <= last)
    ) {
      this.#malformed.push(`${first} to ${last}`);
      return;
    }
    for (let id = first; id <= last; id++) {
      if (id >= this.sent) note(this.#unknown, id);
      else if (!this.#completed.add(id)) note(this.#duplicates, id);
    }
  }

  /** What is wrong, when everything should have completed; empty if nothing is. @returns {string[]} */
  problems() {
    const problems = [];
    const missing = this.sent - this.#completed.size;
    if (missing > 0) {
      const first = this.#completed.missingBelow(this.sent, NAMED);
      problems.push(`${missing} ids never completed: ${list(first, missing)}`);
    }
    for (const [{ count, first }, what] of /** @type {const} */ ([
      [this.#duplicates, 'ids completed more than once'],
      [this.#unknown, 'ids completed that were never given out'],
      [this.#skipped, 'ids were given out of turn'],
    ])) {
      if (count > 0) problems.push(`${count} ${what}: ${list(first, count)}`);
    }
    if (this.#malformed.length > 0) {
      problems.push(`${this.#malformed.length} ranges that are none: ${this.#malformed[0]}, …`);
    }
    return problems;
  }
}

/** @param {{ count: number, first: number[] }} kind @param {number} id */
function note(kind, id) {
  kind.count++;
  if (kind.first.length < NAMED) kind.first.push(id);
}

/** @param {number[]} first @param {number} count */
const list = (first, count) => first.join(', ') + (count > first.length ? ', …' : '');
