import type { Run } from '../buffers/run.js';

/** The runs of one socket whose ids have completed in order so far, by their ids. */
export class RunQueue {
  // They are #runs[#first] to #runs[#end - 1]. The array is never shortened, since V8 would give its
  // memory back and allocate it anew.
  readonly #runs: (Run | null)[] = [];
  #first = 0;
  #end = 0;

  add(run: Run): void {
    if (this.#first > 32 && this.#first * 2 > this.#end) this.#closeRanks();
    this.#runs[this.#end++] = run;
  }

  #closeRanks(): void {
    const count = this.#end - this.#first;
    this.#runs.copyWithin(0, this.#first, this.#end);
    this.#runs.fill(null, count, this.#end);
    this.#end = count;
    this.#first = 0;
  }

  get oldest(): Run | null {
    return this.#first < this.#end ? (this.#runs[this.#first] as Run) : null;
  }

  /** The first run that ends above the id. If a run has the id, it is this one. */
  of(id: number): Run | null {
    let from = this.#first;
    let to = this.#end;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#runs[middle] as Run).endId > id) to = middle;
      else from = middle + 1;
    }
    return from < this.#end ? (this.#runs[from] as Run) : null;
  }

  /** Takes the oldest one out, and clears its place, which would keep its pool alive. */
  leave(): void {
    this.#runs[this.#first++] = null;
  }
}
