/** Rounds in which workers tell how they are doing: one is over when all who still send have told. */
export class Rounds {
  readonly #told = new Set<number>();

  /**
   * Called when one has told.
   * @param reports of all workers, undefined of those that still send
   */
  isOver(index: number, reports: readonly unknown[]): boolean {
    this.#told.add(index);
    if (reports.some((report, i) => report === undefined && !this.#told.has(i))) return false;
    this.#told.clear();
    return true;
  }
}
