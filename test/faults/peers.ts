import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type Receiver, startReceiver } from '../../rig/index.mjs';
import { openDescriptors, pause } from './sender.mjs';
import { ALWAYS, clearFaults, inject, UdpSocket } from './zerosend.mjs';

/**
 * One receiver for all connections of a file; each has content of its own.
 * @param warm false: the test itself opens the first socket of the process
 */
export function sharedTcpReceiver({ warm = true } = {}): { readonly current: Receiver } {
  const holder = {} as { current: Receiver };
  beforeAll(async () => {
    holder.current = await startReceiver({ protocol: 'tcp', seed: 'any' });
    // The poller of this process starts with its first socket, and stays.
    if (warm) await (await UdpSocket.open()).close();
  });
  afterAll(() => holder.current[Symbol.asyncDispose]());
  return holder;
}

/** A receiver of datagrams, whose report is about one sender. */
export async function withUdpReceiver<T>(action: (receiver: Receiver) => Promise<T>): Promise<T> {
  const before = openDescriptors();
  const receiver = await startReceiver({ protocol: 'udp', seed: 'any' });
  try {
    return await action(receiver);
  } finally {
    await receiver.stop();
    // Its pipes close a little later; they are not to be counted in the next test.
    for (let i = 0; i < 200 && openDescriptors() > before; i++) await pause(1);
  }
}

/** A receiver for one test of either protocol. */
export function withReceiver(
  protocol: 'tcp' | 'udp',
  shared: { readonly current: Receiver },
  action: (receiver: Receiver) => Promise<void>,
): Promise<void> {
  return protocol === 'tcp' ? action(shared.current) : withUdpReceiver(action);
}

/** For what has no event: looks until the assertion that follows holds, also on a loaded machine. */
export function eventually<T>(look: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(look, { timeout: 8000, interval: 5 });
}

/** Faults of one test never reach the next. */
export function clearFaultsAfterEach(): void {
  afterEach(() => clearFaults());
}

/** Stops what is sent from now on before it reaches the kernel: it queues. */
export function holdBack(): void {
  inject('sendto', { error: 'EAGAIN', times: ALWAYS });
  inject('sendmmsg', { error: 'EAGAIN', times: ALWAYS });
}

/** Stops completions from being read, so that what is sent stays in flight. */
export function keepInFlight(): void {
  inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
}
