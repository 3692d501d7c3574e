import { describe, expect, it, type SuiteAPI, type TestAPI } from 'vitest';

/** Whether sockets of this run are served by the submission thread: see submit-by-thread.ts. */
export const byThread: boolean = process.env.ZEROSEND_TEST_SUBMIT === 'thread';

const unregistered = Object.assign(() => {}, { each: () => () => {} });

/**
 * `it`, for what sockets do inline only: a row of docs/submission-thread.md says what is different. By the
 * thread such a test does not exist, rather than being skipped.
 */
export const itInline = byThread ? (unregistered as unknown as TestAPI) : it;
/** The same of `describe`. */
export const describeInline = byThread ? (unregistered as unknown as SuiteAPI) : describe;

/** Sends wait for room: at once, or beside the submission thread as soon as it has found none. */
export async function expectNeedsDrain(socket: { readonly needDrain: boolean }): Promise<void> {
  if (!byThread) expect(socket.needDrain).toBe(true);
  await expect.poll(() => socket.needDrain, { interval: 1, timeout: 10_000 }).toBe(true);
}
