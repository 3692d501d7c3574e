// @ts-check
// Loaded before a program, by --import: a timer, an HTTP server and a signal handler beside it.
import { createServer } from 'node:http';

let ticks = 0;
let signals = 0;
setInterval(() => ticks++, 1).unref();

const server = createServer((_, response) => {
  const { user, system } = process.cpuUsage();
  response.setHeader('connection', 'close'); // which would outlive the program else
  response.end(JSON.stringify({ ticks, signals, cpu: (user + system) / 1e6 }));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.stderr.write(`port ${port}\n`);
});
server.unref();

process.on('SIGTERM', () => {
  signals++;
  process.stderr.write(`SIGTERM\n`);
  // A program that does not mind the signal ends with it, as any would.
  if (process.listenerCount('SIGTERM') === 1) process.exit(0);
});
