/** An element of a {@link TimeHeap}. */
export interface Timed {
  time: number;
  /** its place in the heap, -1 while it is in none; only the heap sets it */
  place: number;
}

/**
 * A binary heap with the earliest element in front. Since elements know their places, each can be
 * removed or moved in O(log n). The times lie in an array of their own: those of thousands of
 * elements would not be in a CPU cache.
 */
export class TimeHeap<T extends Timed> {
  readonly #heap: T[] = [];
  #times = new Float64Array(16);

  get size(): number {
    return this.#heap.length;
  }

  get first(): T | undefined {
    return this.#heap[0];
  }

  add(one: T): void {
    this.#heap.push(one);
    if (this.#heap.length > this.#times.length) {
      const times = new Float64Array(2 * this.#times.length);
      times.set(this.#times);
      this.#times = times;
    }
    this.#rise(one, this.#heap.length - 1);
  }

  remove(one: T): void {
    const { place } = one;
    const last = this.#heap.pop() as T;
    one.place = -1;
    if (last === one) return;
    last.place = place;
    this.move(last);
  }

  /** Moves an element to its new place after its time has changed. */
  move(one: T): void {
    const { place } = one;
    this.#rise(one, place);
    if (one.place === place) this.#sink(one, place);
  }

  #rise(one: T, from: number): void {
    const times = this.#times;
    const { time } = one;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = times[above] as number;
      if (other <= time) break;
      this.#put(this.#heap[above] as T, other, place);
      place = above;
    }
    this.#put(one, time, place);
  }

  #sink(one: T, from: number): void {
    const times = this.#times;
    const { time } = one;
    const size = this.#heap.length;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && (times[below + 1] as number) < (times[below] as number)) below++;
      const other = times[below] as number;
      if (other >= time) break;
      this.#put(this.#heap[below] as T, other, place);
      place = below;
    }
    this.#put(one, time, place);
  }

  #put(one: T, time: number, place: number): void {
    this.#heap[place] = one;
    this.#times[place] = time;
    one.place = place;
  }
}
