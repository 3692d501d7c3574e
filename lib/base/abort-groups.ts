/**
 * Groups waiters by their AbortSignal, with one listener for each signal: an EventTarget walks all
 * its listeners whenever one is added or removed, so that n waiters with one signal would cost n².
 */
export class AbortGroups<W> {
  readonly #groups = new Map<AbortSignal, { waiters: Set<W>; onAbort: () => void }>();
  readonly #aborted: (waiter: W, reason: unknown) => void;

  /**
   * @param aborted called once for each waiter whose signal is aborted, when it has left its group
   */
  constructor(aborted: (waiter: W, reason: unknown) => void) {
    this.#aborted = aborted;
  }

  add(signal: AbortSignal | undefined, waiter: W): void {
    if (signal === undefined) return;
    let group = this.#groups.get(signal);
    if (group === undefined) {
      const onAbort = () => this.#abort(signal);
      group = { waiters: new Set(), onAbort };
      this.#groups.set(signal, group);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    group.waiters.add(waiter);
  }

  delete(signal: AbortSignal | undefined, waiter: W): void {
    const group = signal && this.#groups.get(signal);
    if (signal === undefined || group === undefined) return;
    group.waiters.delete(waiter);
    if (group.waiters.size > 0) return;
    this.#groups.delete(signal);
    signal.removeEventListener('abort', group.onAbort);
  }

  #abort(signal: AbortSignal): void {
    const group = this.#groups.get(signal);
    this.#groups.delete(signal);
    for (const waiter of group?.waiters ?? []) this.#aborted(waiter, signal.reason);
  }
}
