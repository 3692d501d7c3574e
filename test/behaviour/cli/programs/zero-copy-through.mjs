// What the kernel makes of MSG_ZEROCOPY to an address: says how a UDP and a TCP send have completed.
import { BufferPool, UdpSocket } from '../../../../dist/index.js';

const [address = ''] = process.argv.slice(2);
const pool = new BufferPool({ bufferSize: 16_384, count: 1 });
const socket = await UdpSocket.open({ remote: { address, port: 9 }, zeroCopy: 'always' });
const buffer = await pool.acquire();
const completed = new Promise((resolve) => socket.once('complete', resolve));
// No longer than the MTU: what goes out in fragments is copied always.
socket.send(buffer, 1400);
const range = await completed;
console.log(JSON.stringify({ udp: range.how }));
await socket.abort();
