// @ts-check
// The shortest useful program: send from pooled buffers, hear when they are free again.
//
//   node examples/shortest.mjs [SECONDS]
import { createSocket } from 'node:dgram';
import { BufferPool, UdpSocket } from 'zerosend';

// Somebody to send to: a socket on this machine. Yours would be elsewhere, and this part not here.
const receiver = createSocket('udp4').bind(0, '127.0.0.1');
await new Promise((resolve) => receiver.once('listening', resolve));
const remote = { address: '127.0.0.1', port: receiver.address().port };

const pool = new BufferPool({ bufferSize: 65536, count: 256 });
// Each send leaves as datagrams of 1400 bytes, which the kernel cuts (UDP GSO).
const socket = await UdpSocket.open({ remote, segmentSize: 1400 });

const ended = { zerocopy: 0, copied: 0, inline: 0, revoked: 0, failed: 0 };
socket.on('complete', ({ first, last, how }) => {
  ended[how] += last - first + 1; // ids first to last have completed; their buffers are free again
});

let running = true;
const stop = () => {
  running = false;
};
process.once('SIGTERM', stop);
setTimeout(stop, Number(process.argv[2] ?? 1) * 1000).unref();

while (running) {
  // Waits while the pool is dry: then the kernel is behind. Timers and signals get through.
  const buffer = await pool.acquire();
  buffer.bytes.fill(socket.nextId % 256);
  socket.send(buffer, 64400);
}

const report = await socket.close(); // waits until every send has completed
await pool.close();
receiver.close();

console.log(`${report.ids} sends, ${report.outcome}; how they ended:`, ended);
