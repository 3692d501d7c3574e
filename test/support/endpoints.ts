import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, type TestOptions } from 'vitest';
import {
  BufferPool,
  type BufferPoolOptions,
  type TcpOptions,
  TcpSocket,
  type UdpOptions,
  UdpSocket,
  type ZeroCopySocket,
} from 'zerosend';
import { type ReceiverOptions, startReceiver } from '../../rig/index.mjs';
import { within } from './deadline.js';
import type { Receiver } from './receiver.js';
import { needs } from './requirements.js';

export type Family = 4 | 6;
export const families = [4, 6] as const;

/** The options of a suite that sends over loopback with that family. */
export function overLoopback(family: Family): TestOptions {
  const addresses = networkInterfaces().lo ?? [];
  return needs(
    family === 4 || addresses.some(({ address }) => address === '::1'),
    'the address ::1',
  );
}

export function loopback(family: number): string {
  return family === 6 ? '::1' : '127.0.0.1';
}

/** Starts a receiver, which is stopped when the test has finished. */
export async function startPeer(options: ReceiverOptions): Promise<Receiver> {
  const receiver = await startReceiver(options);
  onTestFinished(() => receiver[Symbol.asyncDispose]());
  return receiver;
}

export async function connectTo(
  receiver: { family: number; port: number },
  options: Partial<TcpOptions> = {},
): Promise<TcpSocket> {
  const { port, family } = receiver;
  return tracked(await TcpSocket.connect({ host: loopback(family), port, ...options }));
}

/**
 * Connects to a peer, and waits until the peer has accepted the connection, so that its commands
 * apply to it.
 */
export async function connectAndMeet(
  receiver: Receiver,
  options: Partial<TcpOptions> = {},
): Promise<TcpSocket> {
  const { accepted } = await receiver.report();
  const socket = await connectTo(receiver, options);
  await receiver.until((report) => report.accepted > accepted);
  return socket;
}

export async function openTo(
  receiver: { family: number; port: number },
  options: UdpOptions = {},
): Promise<UdpSocket> {
  const remote = { address: loopback(receiver.family), port: receiver.port };
  return tracked(await UdpSocket.open({ remote, ...options }));
}

export function tracked<S extends ZeroCopySocket>(socket: S): S {
  onTestFinished(async () => {
    await within(socket.abort(), 'the end of an aborted socket');
  });
  return socket;
}

/** A pool with small buffers, whose counts must still add up at the end of the test. */
export function makePool(options: BufferPoolOptions = {}): BufferPool {
  const pool = new BufferPool({ bufferSize: 65_536, count: 16, hugePages: 'none', ...options });
  onTestFinished(() => expectSum(pool));
  return pool;
}

export function expectSum(pool: BufferPool): void {
  expect(pool.free + pool.acquired + pool.inFlight).toBe(pool.count);
}

/** Asserts that every buffer is back. */
export function expectAllFree(pool: BufferPool): void {
  expect(pool.stats()).toMatchObject({ free: pool.count, acquired: 0, inFlight: 0, retired: 0 });
}
