const DEADLINE = 10_000; // ms

/** Rejects when `promise` has not settled in time, so that a lost event fails its test by name. */
export function within<T>(promise: PromiseLike<T>, what: string, ms = DEADLINE): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
    const settle = () => clearTimeout(timer);
    promise.then(resolve, reject);
    promise.then(settle, settle);
  });
}

/** Anything with events, whatever their types. */
interface Emitter {
  once(name: never, listener: never): unknown;
}

/** The first argument of the next event of that name. */
export function event<T = unknown>(emitter: Emitter, name: string, ms = DEADLINE): Promise<T> {
  const next = new Promise<T>((resolve) => {
    emitter.once(name as never, resolve as never);
  });
  return within(next, `event '${name}'`, ms);
}

/** Checks a condition once in each turn of the event loop, for things that have no event. */
export async function until(condition: () => boolean, what: string, ms = DEADLINE): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await turn();
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Checks a condition again and again, without yielding to the event loop. */
export function spinUntil(condition: () => boolean, what: string, ms = DEADLINE): void {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
  }
}
