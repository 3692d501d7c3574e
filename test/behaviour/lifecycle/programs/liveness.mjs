// @ts-check
// Does one thing with sockets and then nothing more. What keeps it alive is for the sockets to say;
// the ticks come only while something does.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { given, say } from '../../../support/say.mjs';
import { outstanding } from './senders.mjs';

/** @type {{ what: string, slow: number, fast: number, udp: number }} */
const { what, slow, fast, udp } = given;
let ticks = 0;
/** @type {() => void} */
let onThirdTick = () => {};
setInterval(() => {
  say('tick', { ticks: ++ticks });
  if (ticks === 3) onThirdTick();
}, 20).unref();

const connect = () => TcpSocket.connect({ host: '127.0.0.1', port: fast });
const open = () => UdpSocket.open({ remote: { address: '127.0.0.1', port: udp } });

switch (what) {
  case 'idle sockets': {
    const sockets = [await connect(), await open(), await open()];
    const pool = new BufferPool();
    pool.tryAcquire();
    process.on('exit', () => say('exit', { open: sockets.filter(({ fd }) => fd >= 0).length }));
    break;
  }
  case 'sockets that have sent': {
    const sockets = [await connect(), await open()];
    for (const socket of sockets) {
      for (let i = 0; i < 100; i++) socket.send(Buffer.alloc(i % 2 ? 100 : 20_000));
    }
    process.on('exit', () => say('exit', { inFlight: sockets.map((socket) => socket.inFlight) }));
    break;
  }
  case 'sends in flight': {
    const { socket } = await outstanding(slow);
    socket.on('complete', () => {
      if (socket.inFlight === 0) say('complete');
    });
    process.on('exit', () => say('exit', { inFlight: socket.inFlight }));
    break;
  }
  case 'a close under way': {
    const { socket } = await outstanding(slow);
    socket.close().then((report) => say('closed', report));
    break;
  }
  case 'ref()': {
    const socket = (await connect()).ref();
    onThirdTick = () => void socket.unref();
    process.on('exit', () => say('exit', { ticks }));
    break;
  }
  case 'unref()': {
    const { socket } = await outstanding(slow);
    socket.unref();
    process.on('exit', () => say('exit', { inFlight: socket.inFlight }));
    break;
  }
  case 'unref() and close()': {
    const { socket } = await outstanding(slow);
    socket.unref().close({ timeout: 20_000 });
    process.on('exit', () => say('exit', { inFlight: socket.inFlight }));
    break;
  }
  case 'a close that lingers':
  case 'unref() and a close that lingers': {
    // All ids complete, since the kernel has copied; but the peer has acknowledged a part only.
    const options = { zeroCopy: /** @type {const} */ ('never'), sendBufferSize: 1 << 20 };
    const socket = await TcpSocket.connect({ host: '127.0.0.1', port: slow, ...options });
    socket.send(new Uint8Array(400_000));
    await socket.flush();
    if (what !== 'a close that lingers') socket.unref();
    socket.close({ timeout: 60_000 }).then((report) => say('closed', report));
    process.on('exit', () => say('exit', { inFlight: socket.inFlight, open: socket.fd >= 0 }));
    break;
  }
  case 'unref() while waiting': {
    const { socket } = await outstanding(slow);
    onThirdTick = () => void socket.unref();
    process.on('exit', () => say('exit', { ticks, inFlight: socket.inFlight }));
    break;
  }
}
say('ready');
