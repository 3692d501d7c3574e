// What a user sees of a socket who looks at it. On the fake addon.
import { expect, it, vi } from 'vitest';
import { ZeroCopySocket } from '../../../lib/engine/socket.js';
import { PacketSocket } from '../../../lib/sockets/packet.js';
import { RingSocket } from '../../../lib/sockets/ring.js';
import { TcpSocket } from '../../../lib/sockets/tcp.js';
import { UdpSocket } from '../../../lib/sockets/udp.js';
import { XdpSocket } from '../../../lib/sockets/xdp.js';
import { connectTcp, openUdp } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

it('a socket shows no members but those of its emitter', async () => {
  for (const { socket } of [await openUdp(), await connectTcp()]) {
    expect(Object.keys(socket)).toEqual(['_events', '_eventsCount']);
  }
});

it.each([ZeroCopySocket, TcpSocket, UdpSocket, RingSocket, PacketSocket, XdpSocket])(
  '$name has no member with an underscore',
  ({ prototype, ...statics }) => {
    const names = [...Object.getOwnPropertyNames(prototype), ...Object.keys(statics)];
    expect(names).toContain('constructor');
    expect(names.filter((name) => name.startsWith('_'))).toEqual([]);
  },
);
