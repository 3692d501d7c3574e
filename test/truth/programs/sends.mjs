// @ts-check
// Sends from a pool, with whatever the test has laid on the socket or into the way, until all is
// sent or the connection fails; then every id must have completed, once.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { fillStream, fillTrain } from '../../../rig/pattern.mjs';
import { Books, census, disorderOf, given, hooks, say, turn } from './support.mjs';

const {
  protocol,
  address,
  port,
  sends,
  length,
  segmentSize,
  count = 64,
  many = 1,
  /** setsockopt(2) calls of the user: level, name, value */
  setOptions = [],
  /** system calls of the test build to strike, and how */
  injections = {},
  /** counts the signals it gets */
  signal,
  /** waits for the end of the connection, which the peer brings about */
  untilClosed = false,
  /** records the completions as the kernel reports them */
  record = false,
  socketOptions = {},
} = given;
const tcp = protocol === 'tcp';

let signals = 0;
if (signal) process.on(signal, () => signals++);

const pool = new BufferPool({ bufferSize: 65_536, count });
const common = { zeroCopy: 'always', ...socketOptions };
const socket = tcp
  ? await TcpSocket.connect({ host: address, port, ...common })
  : await UdpSocket.open({ remote: { address, port }, segmentSize, ...common });
if (untilClosed) socket.ref(); // its ids may have completed before the reset is heard of
const books = new Books(socket);
/** @type {string[]} */
const errors = [];
socket.on('error', (error) => errors.push(/** @type {any} */ (error).code));
/** @type {Promise<import('zerosend').CloseReport>} */
const closing = new Promise((resolve) => void socket.on('close', resolve));

for (const [level, name, value] of setOptions) {
  const errno = hooks().setOption(socket.fd, level, name, value);
  if (errno !== 0) throw new Error(`setsockopt(${level}, ${name}): errno ${errno}`);
}
for (const [call, fault] of Object.entries(injections)) hooks().inject(call, fault);
if (record) hooks().reportedRanges();
const begin = await census();
say('ready');

let position = 0; // in the stream, or datagrams
let bytes = 0;
/** @type {Record<string, number>} codes of sends that threw */
const thrown = {};
/** @param {import('zerosend').PooledBuffer} buffer */
function write(buffer) {
  if (tcp) fillStream(buffer.bytes, position, 1, length);
  else fillTrain(buffer.bytes, length, segmentSize ?? length, position, 1);
}

const step = tcp ? length : Math.ceil(length / (segmentSize ?? length));
for (let i = 0; i < sends; i += many) {
  const buffers = [];
  for (let k = 0; k < many; k++) {
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    buffers.push(buffer);
    write(buffer);
    position += step;
  }
  try {
    if (many > 1) socket.sendMany(buffers, length);
    else socket.send(/** @type {import('zerosend').PooledBuffer} */ (buffers[0]), length);
    bytes += many * length;
  } catch (error) {
    for (const buffer of buffers) buffer.release();
    position -= many * step;
    const { code } = /** @type {any} */ (error);
    thrown[code] = (thrown[code] ?? 0) + 1;
    if (code !== 'ERR_ZEROSEND_QUEUE_FULL') break; // the connection has ended
    await new Promise((resolve) => void socket.once('drain', () => resolve(undefined)));
    i -= many;
  }
  if (i % 64 === 0) await turn();
}
say('sent', { bytes });
let end;
if (!untilClosed) {
  await socket.flush();
  end = await census();
  await socket.close({ timeout: 20_000 });
}
const closed = await closing;
/** @type {Record<string, number>} */
const struck = {};
for (const call of Object.keys(injections)) struck[call] = hooks().faults(call).struck;
say('report', {
  ...books.balance(),
  bytes,
  datagrams: tcp ? undefined : position,
  closed,
  errors,
  thrown,
  signals,
  struck,
  disorder: record ? disorderOf(hooks().reportedRanges()) : undefined,
  pool: pool.stats(),
  middle: begin,
  end,
});
