// @ts-check
// Many sockets that send from one pool: each buffer to each of them.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { fillStream, fillTrain } from '../../../rig/pattern.mjs';
import { Books, balanceOf, census, given, say } from './support.mjs';

const { protocol, address, ports, sockets: size, rounds, length, segmentSize, count } = given;
const tcp = protocol === 'tcp';
const pool = new BufferPool({ bufferSize: 65_536, count });
const sockets = await Promise.all(
  Array.from({ length: size }, (_, i) => {
    const port = ports[i % ports.length];
    return tcp
      ? TcpSocket.connect({ host: address, port, zeroCopy: 'always' })
      : UdpSocket.open({ remote: { address, port }, segmentSize, zeroCopy: 'always' });
  }),
);
const books = sockets.map((socket) => new Books(socket));

let middle;
let position = 0;
for (let round = 0; round < rounds; round++) {
  const buffer = pool.tryAcquire() ?? (await pool.acquire());
  if (tcp) fillStream(buffer.bytes, position, 1, length);
  else position += fillTrain(buffer.bytes, length, segmentSize, position, 1) - length;
  position += length;
  buffer.retain(sockets.length - 1);
  for (const socket of sockets) socket.send(buffer, length);
  if (round === rounds >> 2) middle = await census();
}
await Promise.all(sockets.map((socket) => socket.flush()));
const end = await census();
const closed = await Promise.all(sockets.map((socket) => socket.close({ timeout: 20_000 })));
say('report', {
  ...balanceOf(books),
  closed: closed.filter(({ outcome }) => outcome !== 'drained'),
  bytes: rounds * length,
  datagrams: position,
  pool: pool.stats(),
  middle,
  end,
});
