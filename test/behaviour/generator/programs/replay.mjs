// @ts-check
// Runs `replay` inside a network namespace: the argument says what, stdout what came of it. JSON
// has no Infinity, so it comes as text.
import { PacketSocket, XdpSocket } from 'zerosend';
import { replay } from 'zerosend/generator';

const {
  socket: wish,
  abortAfter,
  ...options
} = JSON.parse(process.argv[2] ?? '', (_, value) =>
  value === 'Infinity' ? Number.POSITIVE_INFINITY : value,
);
const socket = wish.packet ? await PacketSocket.open(wish.packet) : await XdpSocket.open(wish.xdp);
const report = await replay({
  socket,
  ...options,
  ...(abortAfter ? { signal: AbortSignal.timeout(abortAfter) } : {}),
});
console.log(JSON.stringify({ report, closed: await socket.close() }));
