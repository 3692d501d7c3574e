// @ts-check
// Connects, sends and closes, again and again.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { announceSeed, fillStream, fillTrain } from '../../../rig/pattern.mjs';
import { Books, census, given, say } from './support.mjs';

const { protocol, address, port, loops, sends, length, segmentSize, how } = given;
const tcp = protocol === 'tcp';
const pool = new BufferPool({ bufferSize: 65_536, count: 32 });

const sum = { ids: 0, missing: 0, twice: 0, unknown: 0, inFlight: 0 };
/** @type {Record<string, number>} */
const outcomes = {};
/** @type {Record<string, number>} */
const tally = {};
let datagrams = 0;

async function once(/** @type {number} */ loop) {
  const socket = tcp
    ? await TcpSocket.connect({ host: address, port, zeroCopy: 'always' })
    : await UdpSocket.open({ remote: { address, port }, segmentSize, zeroCopy: 'always' });
  const books = new Books(socket);
  for (let i = 0; i < sends; i++) {
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    if (tcp) {
      fillStream(buffer.bytes, i * length, loop, length);
      if (i === 0) announceSeed(buffer.bytes, loop);
    } else {
      datagrams += fillTrain(buffer.bytes, length, segmentSize, datagrams, 1);
    }
    socket.send(buffer, length);
  }
  const { outcome } = await (how === 'abort' ? socket.abort() : socket.close());
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const balance = books.balance();
  for (const key of /** @type {(keyof typeof sum)[]} */ (Object.keys(sum)))
    sum[key] += balance[key];
  for (const [key, ids] of Object.entries(balance.how)) tally[key] = (tally[key] ?? 0) + ids;
}

let middle;
for (let loop = 0; loop < loops; loop++) {
  await once(loop);
  if (loop === loops >> 2) middle = await census();
}
say('report', {
  ...sum,
  how: tally,
  outcomes,
  bytes: loops * sends * length,
  datagrams,
  pool: pool.stats(),
  middle,
  end: await census(),
});
