/** What waits under one signal: what to call with its reason, by waiter. */
interface Group {
  readonly waiters: Map<object, (reason: unknown) => void>;
  readonly onAbort: () => void;
}

const groups = new WeakMap<AbortSignal, Group>();

/**
 * Waiters by their AbortSignal. There is one listener for each signal, whatever waits under it: an
 * EventTarget walks all its listeners whenever one is added or removed, so that n waiters with one
 * signal would cost n², and Node.js takes more than 10 listeners for a leak, and warns.
 */
export class AbortGroups<W extends object> {
  readonly #aborted: (waiter: W, reason: unknown) => void;

  /**
   * @param aborted called once for each waiter whose signal is aborted, when it has left its group
   */
  constructor(aborted: (waiter: W, reason: unknown) => void) {
    this.#aborted = aborted;
  }

  /** Adds a waiter. Where its signal has been aborted, which tells nobody any more, it is told at once. */
  add(signal: AbortSignal | undefined, waiter: W): void {
    if (signal === undefined) return;
    if (signal.aborted) {
      this.#aborted(waiter, signal.reason);
      return;
    }
    let group = groups.get(signal);
    if (group === undefined) {
      group = { waiters: new Map(), onAbort: () => abort(signal) };
      groups.set(signal, group);
      signal.addEventListener('abort', group.onAbort, { once: true });
    }
    group.waiters.set(waiter, (reason) => this.#aborted(waiter, reason));
  }

  delete(signal: AbortSignal | undefined, waiter: W): void {
    const group = signal && groups.get(signal);
    if (signal === undefined || group === undefined) return;
    group.waiters.delete(waiter);
    if (group.waiters.size > 0) return;
    groups.delete(signal);
    signal.removeEventListener('abort', group.onAbort);
  }
}

function abort(signal: AbortSignal): void {
  const group = groups.get(signal);
  groups.delete(signal);
  for (const aborted of group?.waiters.values() ?? []) aborted(signal.reason);
}

/** Functions that are called when their signal is aborted. */
export const abortCalls = new AbortGroups<(reason: unknown) => void>((call, reason) =>
  call(reason),
);
