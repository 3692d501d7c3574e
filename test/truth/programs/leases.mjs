// @ts-check
// Buffers with two leases: the socket that used up the first is given up, the other one goes on.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { fillStream, fillTrain } from '../../../rig/pattern.mjs';
import { Books, given, say, sleep } from './support.mjs';

const { protocol, address, ports, count, length, segmentSize, when } = given;
const tcp = protocol === 'tcp';
const pool = new BufferPool({ bufferSize: length, count });
const [doomed, kept] = await Promise.all(
  ports.map((/** @type {number} */ port) =>
    tcp
      ? TcpSocket.connect({ host: address, port, zeroCopy: 'always' })
      : UdpSocket.open({ remote: { address, port }, segmentSize, zeroCopy: 'always' }),
  ),
);
const books = [new Books(doomed), new Books(kept)];

let position = 0;
const buffers = Array.from({ length: count }, () => {
  const buffer = /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
  if (tcp) fillStream(buffer.bytes, position, 1, length);
  else position += fillTrain(buffer.bytes, length, segmentSize, position, 1) - length;
  position += length;
  return buffer.retain();
});
for (const buffer of buffers) {
  doomed.send(buffer, length);
  if (when === 'both in flight') kept.send(buffer, length);
}
await sleep(100);
const closed = await doomed.abort();
const afterAbort = pool.stats();
if (when === 'lease left') for (const buffer of buffers) kept.send(buffer, length);
const afterSends = pool.stats();
await kept.flush();
const report = books[1]?.balance();
await kept.close({ timeout: 20_000 });
say('report', {
  ...report,
  closed,
  doomed: books[0]?.balance(),
  afterAbort,
  afterSends,
  pool: pool.stats(),
  bytes: count * length,
  datagrams: position,
});
