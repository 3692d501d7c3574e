// @ts-check
// Connects and closes with timers that never fire: what is waited for has to come by events.
import { given, say } from '../../../support/say.mjs';

/** @type {{ fast: number, slow: number }} */
const { fast, slow } = given;
const never = { unref: () => never, ref: () => never };
Object.assign(globalThis, { setTimeout: () => never, clearTimeout: () => {} });
const { TcpSocket } = await import('zerosend'); // which takes the timers that there are now

// How often the poller thread has woken for a connection by the time that it is handed over.
/** @type {number[]} */
const wakes = [];
for (let i = 0; i < 20; i++) {
  const socket = await TcpSocket.connect({ host: '127.0.0.1', port: fast });
  wakes.push(socket.stats().wakes);
  await socket.close();
}
const socket = await TcpSocket.connect({
  ...{ host: '127.0.0.1', port: slow },
  ...{ zeroCopy: 'never', sendBufferSize: 1 << 20 },
});
socket.send(new Uint8Array(400_000)); // more than the peer's kernel takes while it does not read
await socket.flush();
const closing = socket.close();
setImmediate(() => setImmediate(() => say('closing', { wakes, open: socket.fd >= 0 })));
say('closed', await closing);
