import type { BufferPool, UdpSocket } from 'zerosend';
import { within } from '../../support/deadline.js';
import { makePool, openTo, startPeer } from '../../support/endpoints.js';

/** Sends `count` datagrams of 200 bytes to a receiver, and waits until they have completed. */
export async function sendSome(count: number): Promise<{ socket: UdpSocket; pool: BufferPool }> {
  const socket = await openTo(await startPeer({ protocol: 'udp', family: 4 }));
  const pool = makePool();
  for (let i = 0; i < count; i++) socket.send(pool.tryAcquire() ?? new Uint8Array(200), 200);
  await within(socket.flush(), 'all completes');
  return { socket, pool };
}
