import { describe, expect, it } from 'vitest';
import { clearFaultsAfterEach, eventually } from './peers.js';
import { ALWAYS, Alarm, type Call, type Errno, faults, inject } from './zerosend.mjs';

clearFaultsAfterEach();

/** Sets an alarm, and waits until it has rung. */
async function ring(ms: number): Promise<void> {
  const due = performance.now() + ms;
  let rungAt = 0;
  const alarm = new Alarm(() => {
    rungAt = performance.now();
  });
  alarm.set(due);
  await eventually(() => rungAt > 0).toBe(true);
  expect(rungAt).toBeGreaterThanOrEqual(due);
}

describe('an alarm, without what it needs of the system', () => {
  // In this order: once it has a thread and a timer, it asks for no other.
  it.each<[string, Call, Errno]>([
    ['no epoll', 'epoll_create1', 'EMFILE'],
    ['no eventfd', 'eventfd', 'ENFILE'],
    ['no thread', 'epoll_ctl', 'ENOSPC'],
    ['no timer', 'timerfd_create', 'EMFILE'],
    ['no room for the timer', 'epoll_ctl', 'ENOSPC'],
    ['a timer that cannot be set', 'timerfd_settime', 'EINVAL'],
  ])('rings by the timers of Node.js: %s', async (_, call, error) => {
    inject(call, { error, times: ALWAYS });
    await ring(3);
    expect(faults(call).struck).toBeGreaterThan(0);
  });

  it('rings by its own as soon as there is one', async () => {
    inject('timerfd_settime', { skip: 1000 });
    await ring(3);
    expect(faults('timerfd_settime').calls).toBeGreaterThan(0);
  });
});
