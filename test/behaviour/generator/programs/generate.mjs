// @ts-check
// Runs `generate` inside a network namespace: the argument says what, stdout what came of it.
import { BufferPool, PacketSocket, UdpSocket, XdpSocket } from 'zerosend';
import { generate } from 'zerosend/generator';

const {
  socket: wish,
  pool: poolOptions,
  abortAfter,
  ...options
} = JSON.parse(process.argv[2] ?? '');
if (options.template.payload?.type === 'Buffer') {
  options.template.payload = Buffer.from(options.template.payload.data);
}
const [[kind, socketOptions] = ['', {}]] = Object.entries(wish);
const open = /** @type {Record<string, (o: any) => Promise<any>>} */ ({
  udp: UdpSocket.open,
  packet: PacketSocket.open,
  xdp: XdpSocket.open,
});
const socket = await open[kind]?.(socketOptions);
const pool = poolOptions && new BufferPool(poolOptions);
/** @type {object[]} */
const progress = [];
const report = await generate({
  socket,
  ...options,
  ...(pool ? { pool } : {}),
  ...(abortAfter ? { signal: AbortSignal.timeout(abortAfter) } : {}),
  ...(options.progressInterval
    ? { onProgress: (/** @type {object} */ now) => void progress.push(now) }
    : {}),
});
const stats = socket.stats();
const closed = await socket.close();
await pool?.close();
console.log(JSON.stringify({ report, progress, stats, closed }));
