// @ts-check
// Publishes a frame that is a copy, which does not have the kernel look at the ring by itself, and ends.
import { given } from '../../support/say.mjs';
import { BufferPool, inject, PacketSocket, UdpSocket, XdpSocket } from '../zerosend.mjs';

const remote = { address: '127.0.0.1', port: 9 };
const other = await UdpSocket.open({ remote, submit: 'thread' });
const buffer = await new BufferPool({ bufferSize: 4096, count: 1 }).acquire();
const kind = given.kind === 'packet' ? PacketSocket : XdpSocket;
const ring = await kind.open({ interface: given.interface, frames: 8, submit: 'thread' });
inject('sendto', { delay: 500 });
other.send(buffer, 100); // so long the thread is at this
ring.send(Buffer.alloc(100, 2));
process.exit(0);
