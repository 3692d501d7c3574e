// @ts-check
// Uses the library while all timers and clocks of the program stand still.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { mock } from 'node:test';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { generate, Pacer } from 'zerosend/generator';
import { say } from '../../../support/say.mjs';

const stopped = createServer((connection) => void connection.pause()).listen(0, '127.0.0.1');
await once(stopped, 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (stopped.address());
const realNow = performance.now.bind(performance);

mock.timers.enable();
performance.now = () => 0;
globalThis.queueMicrotask = () => {};
const fired = { timeout: 0, immediate: 0 };
setTimeout(() => fired.timeout++, 1);
setImmediate(() => fired.immediate++);

const pool = new BufferPool({ bufferSize: 4096, count: 64 });
const socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port: 9 } });
const until = realNow() + 30;
while (realNow() < until) socket.send(await pool.acquire(), 100);
await socket.flush();
say('sent', { inFlight: socket.inFlight });

const pacer = new Pacer(200);
const began = realNow(); // before the packet from which the next one is due
pacer.take();
await pacer.wait();
say('paced', { waited: realNow() - began >= 4 });

const report = await generate({ socket, template: { length: 100 }, seconds: 0.05, rate: 1000 });
say('generated', { ended: report.ended, packets: report.packets > 0 });

const tcp = await TcpSocket.connect({ host: '127.0.0.1', port });
for (let i = 0; i < 512; i++) tcp.send(Buffer.alloc(65_536));
const { outcome } = await tcp.close({ timeout: 50 });
say('closed', { gaveUp: outcome !== 'drained', udp: (await socket.close()).outcome });
say('fired', fired);
process.exit();
