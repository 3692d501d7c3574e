/** An element of a {@link TimeHeap}. */
export interface Timed {
  time: number;
  /** its place in the heap, -1 while it is in none; only the heap sets it */
  place: number;
}

/**
 * A binary heap with the earliest element in front. Since elements know their places, each can be
 * removed or moved in O(log n).
 */
export class TimeHeap<T extends Timed> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): T | undefined {
    return this.#heap[0];
  }

  add(one: T): void {
    this.#heap.push(one);
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
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#heap[above] as T;
      if (other.time <= one.time) break;
      this.#put(other, place);
      place = above;
    }
    this.#put(one, place);
  }

  #sink(one: T, from: number): void {
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= this.#heap.length) break;
      const right = this.#heap[below + 1];
      if (right !== undefined && right.time < (this.#heap[below] as T).time) below++;
      const other = this.#heap[below] as T;
      if (other.time >= one.time) break;
      this.#put(other, place);
      place = below;
    }
    this.#put(one, place);
  }

  #put(one: T, place: number): void {
    this.#heap[place] = one;
    one.place = place;
  }
}
