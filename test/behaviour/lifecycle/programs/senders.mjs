// @ts-check
// What the programs and workers of these tests have in common.
import { BufferPool, TcpSocket } from 'zerosend';
import { fillStream } from '../../../../rig/pattern.mjs';

const SIZE = 262_144;
const PLAIN = 50_000;

/**
 * A connection with ids outstanding, in the kernel and in the queue: its peer does not read.
 * @param {number} port
 */
export async function outstanding(port) {
  const pool = new BufferPool({ bufferSize: SIZE, count: 40 });
  const socket = await TcpSocket.connect({ host: '127.0.0.1', port, zeroCopy: 'always' });
  let offset = 0;
  const send = () => {
    const buffer = pool.tryAcquire();
    if (buffer === null) throw new Error('the peer reads');
    fillStream(buffer.bytes, offset, 1, SIZE);
    offset += SIZE;
    socket.send(buffer, SIZE);
    // Plain memory, too, small enough to be used again by whoever allocates next.
    const bytes = new Uint8Array(PLAIN);
    fillStream(bytes, offset, 1);
    offset += PLAIN;
    socket.send(bytes);
  };
  while (!socket.needDrain) send();
  for (let i = 0; i < 4; i++) send();
  return { pool, socket };
}
