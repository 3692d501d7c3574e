// The receiving process: reads everything that arrives by TCP and UDP, and drops it. It first gets
// a message with its addresses, since it may have been started in a network namespace of its own.
import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { leaveSignalsToParent } from '../base/interrupt.js';
import type { FromReceiver, ReceiverRequest } from './messages.js';
import { IP_ENVIRONMENT } from './network.js';

const tell = (message: FromReceiver) => process.send?.(message);

async function listen({ commands, address }: ReceiverRequest): Promise<void> {
  for (const command of commands) {
    execFileSync('ip', command, { env: IP_ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe'] });
  }
  const server = net.createServer((socket) => {
    socket.on('error', () => {}); // a sender that was killed
    socket.resume();
  });
  server.listen(0, address);
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.on('message', () => {});
  socket.bind(0, address);
  await Promise.all([once(server, 'listening'), once(socket, 'listening')]);
  const { port } = server.address() as AddressInfo;
  tell({ type: 'listening', tcp: port, udp: socket.address().port });
}

leaveSignalsToParent();
process.on('disconnect', () => process.exit());
process.once('message', (request: ReceiverRequest) => {
  listen(request).catch((error: Error) => tell({ type: 'error', message: error.message }));
});
tell({ type: 'up' });
