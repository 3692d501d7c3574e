import { expect } from 'vitest';

/** Whether sockets of this run are served by the submission thread: see submit-by-thread.ts. */
export const byThread: boolean = process.env.ZEROSEND_TEST_SUBMIT === 'thread';

/** Sends wait for room: at once, or beside the submission thread as soon as it has found none. */
export async function expectNeedsDrain(socket: { readonly needDrain: boolean }): Promise<void> {
  if (!byThread) expect(socket.needDrain).toBe(true);
  await expect.poll(() => socket.needDrain, { interval: 1, timeout: 10_000 }).toBe(true);
}
