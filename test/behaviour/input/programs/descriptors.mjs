// @ts-check
// Opens sockets with so many descriptors left, and tells how each attempt ended.
import { closeSync, openSync } from 'node:fs';
import { countDescriptors, given, outcome, report, zerosend } from './report.mjs';

const { PacketSocket, TcpSocket, UdpSocket } = zerosend;
const remote = { address: '127.0.0.1', port: given.udpPort };

/** @param {import('zerosend').TcpSocket | import('zerosend').UdpSocket} socket */
async function use(socket) {
  socket.send(Buffer.alloc(100, 1));
  await socket.flush();
  return socket.close();
}

const OPENERS = {
  udp: async () => use(await UdpSocket.open({ remote, segmentSize: 500 })),
  tcp: async () => use(await TcpSocket.connect({ host: '127.0.0.1', port: given.tcpPort })),
};

/** Takes every descriptor that there is, but so many. @param {number} spare */
function exhaust(spare) {
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (let i = 0; i < spare; i++) closeSync(/** @type {number} */ (taken.pop()));
  }
  return taken;
}

const before = countDescriptors();
const attempts = [];
for (const spare of given.spare) {
  for (const [protocol, open] of Object.entries(OPENERS)) {
    const taken = exhaust(spare);
    const result = await outcome(open);
    for (const fd of taken) closeSync(fd);
    attempts.push({ spare, protocol, ...result, more: countDescriptors() - before });
  }
}
// An interface is looked up by a call of the C library, which takes a descriptor, too.
const taken = exhaust(0);
const interfaces = {
  ring: await outcome(() => PacketSocket.open({ interface: 'lo' })),
  setting: await outcome(() => UdpSocket.open({ multicastInterface: 'lo' })),
  pacing: await outcome(() => UdpSocket.open({ remote, interface: 'lo', maxPacingRate: 1e6 })),
};
for (const fd of taken) closeSync(fd);
const socket = await UdpSocket.open({ remote, segmentSize: 500 });
const { maxSendLength } = socket.info();
await socket.close();
report({ attempts, interfaces, maxSendLength, more: countDescriptors() - before });
