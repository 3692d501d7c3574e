// @ts-check
// What the programs and workers of these tests have in common.
import { BufferPool, TcpSocket } from 'zerosend';
import { fillStream } from '../../rig/pattern.mjs';

const SIZE = 262_144;

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
  };
  while (!socket.needDrain) send();
  for (let i = 0; i < 4; i++) {
    send();
    // Plain memory is in flight, too.
    const bytes = new Uint8Array(10_000);
    fillStream(bytes, offset, 1);
    offset += bytes.length;
    socket.send(bytes);
  }
  return { pool, socket };
}
