import { expect, onTestFinished } from 'vitest';
import { BufferPool } from '../../../lib/buffers/buffer-pool.js';
import { coreOf, type ZeroCopySocket } from '../../../lib/engine/socket.js';
import { type TcpOptions, TcpSocket } from '../../../lib/sockets/tcp.js';
import { type UdpOptions, UdpSocket } from '../../../lib/sockets/udp.js';
import { turn, within } from '../../support/deadline.js';
import { type FakeSocket, fake } from './fake-native.js';

/*
 * Sockets on the fake addon, for files that begin with
 *
 *     vi.mock('../../../lib/addon/addon.js', async () => (await import('./fake-native.js')).module);
 */

export interface Opened<S extends ZeroCopySocket> {
  socket: S;
  kernel: FakeSocket;
}

/** Ends a socket with its test, and asserts that nothing of it is left. */
function guard<S extends ZeroCopySocket>(socket: S): Opened<S> {
  const handle = coreOf(socket).state.handle;
  const kernel = fake.socket(handle);
  onTestFinished(async () => {
    if (fake.isOpen(handle)) await within(socket.abort(), 'abort');
    expect(fake.isOpen(handle)).toBe(false);
    await turn();
    expect(fake.violations).toEqual([]);
    if (fake.openSockets.length === 0) expect(fake.alive).toBe(false);
  });
  return { socket, kernel };
}

export async function openUdp(options: UdpOptions = {}): Promise<Opened<UdpSocket>> {
  const remote = { address: '198.18.0.1', port: 9 };
  return guard(await UdpSocket.open({ remote, zeroCopyThreshold: 0, ...options }));
}

/** Starts to connect; the test lets the connection come up or break. */
export async function startTcp(options: Partial<TcpOptions> = {}) {
  const before = new Set(fake.openSockets);
  const connecting = TcpSocket.connect({
    host: '198.18.0.1',
    port: 9,
    zeroCopyThreshold: 0,
    ...options,
  });
  connecting.catch(() => {}); // whoever awaits it is told all the same
  for (let turns = 0; turns < 100; turns++) {
    const kernel = fake.openSockets.find((socket) => !before.has(socket));
    if (kernel !== undefined) return { connecting, kernel };
    await turn();
  }
  throw new Error('no socket was opened');
}

export async function connectTcp(options: Partial<TcpOptions> = {}): Promise<Opened<TcpSocket>> {
  const { connecting, kernel } = await startTcp(options);
  kernel.connect();
  fake.wake();
  const opened = guard(await connecting);
  await turn();
  return opened;
}

export function makePool(count = 8): BufferPool {
  return new BufferPool({ bufferSize: 4096, count });
}

/** Sends `count` pooled buffers of 100 bytes; the ids. */
export function sendSome(socket: ZeroCopySocket, pool: BufferPool, count: number): number[] {
  return Array.from({ length: count }, () => {
    const buffer = pool.tryAcquire();
    if (buffer === null) throw new Error('the pool is dry');
    return socket.send(buffer, 100);
  });
}

/** The events of a socket in order, as short texts. */
export function record(socket: ZeroCopySocket, into: string[] = [], name = ''): string[] {
  socket.on('complete', ({ first, last, how }) => into.push(`${name}${first}-${last} ${how}`));
  socket.on('drain', () => into.push(`${name}drain`));
  socket.on('error', (error) => into.push(`${name}error ${(error as { code?: string }).code}`));
  socket.on('close', ({ outcome, ids, unfinished }) =>
    into.push(`${name}close ${outcome} ${ids} ${unfinished}`),
  );
  return into;
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** The uncaught exceptions that come while `task` and the turns after it run. */
export async function uncaught(task: () => unknown): Promise<unknown[]> {
  const usual = process.listeners('uncaughtException');
  const errors: unknown[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => errors.push(error));
  try {
    await task();
    await turns(3);
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of usual) process.on('uncaughtException', listener);
  }
  return errors;
}
