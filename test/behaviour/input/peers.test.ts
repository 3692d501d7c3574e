import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TcpSocket, UdpSocket } from 'zerosend';
import { within } from '../../support/deadline.js';
import { families, loopback, overLoopback, tracked } from '../../support/endpoints.js';
import { openDescriptors } from './descriptors.js';
import { coded, expectError, rejectionOf } from './expectations.js';

/** A port that had a listener a moment ago and has none now. */
async function deadPort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const NO_HOST = 'no-such-host.invalid'; // reserved for never existing, RFC 6761

describe('a host that does not exist', () => {
  it.each([
    ['TcpSocket.connect', () => TcpSocket.connect({ host: NO_HOST, port: 9 })],
    ['UdpSocket.open', () => UdpSocket.open({ remote: { address: NO_HOST, port: 9 } })],
    ['UdpSocket.open, locally', () => UdpSocket.open({ address: NO_HOST })],
  ])('%s', async (_, open) => {
    const error = await within(rejectionOf(open), 'the answer of the resolver', 25_000);
    // Where no name server can be reached at all, the resolver says to try again.
    expect(error).toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
      syscall: 'getaddrinfo',
      hostname: NO_HOST,
      message: expect.stringContaining(NO_HOST),
    });
  });

  it.each(['ex ample', '256.256.256.256', '127.0.0.1:80', 'http://localhost', '%lo'])(
    "nor does '%s'",
    async (host) => {
      const error = await rejectionOf(() => TcpSocket.connect({ host, port: 9 }));
      expect(error).toMatchObject({ syscall: 'getaddrinfo', hostname: host });
    },
  );
});

describe('a port without a listener', () => {
  for (const family of families) {
    it(`TCP refuses it over IPv${family}`, overLoopback(family), async () => {
      const address = loopback(family);
      const port = await deadPort(address);
      const before = openDescriptors();
      const error = await rejectionOf(() => TcpSocket.connect({ host: address, port }));
      expectError(error, coded(Error, 'ECONNREFUSED', `connect ECONNREFUSED ${address}:${port}`));
      expect(error).toMatchObject({ errno: -111, syscall: 'connect', address, port });
      expect(openDescriptors()).toEqual(before);
    });
  }

  it('TCP names the last address of a host that it tried', async () => {
    const port = await deadPort('127.0.0.1');
    const error = await rejectionOf(() => TcpSocket.connect({ host: 'localhost', port }));
    expectError(error, coded(Error, 'ECONNREFUSED', `:${port}`));
  });

  it('UDP goes on sending: nobody has to listen', async () => {
    const port = await deadPort('127.0.0.1');
    const socket = tracked(await UdpSocket.open({ remote: { address: '127.0.0.1', port } }));
    for (let id = 0; id < 50; id++) {
      expect(socket.send(Buffer.alloc(20_000))).toBe(id);
      await within(socket.flush(), 'flush()');
    }
    expect(socket.stats()).toMatchObject({ sends: 50, completed: 50, failed: 0 });
    expect(socket.stats().softErrors).toBeGreaterThan(0); // ICMP said so, and each send went out
  });
});

describe('an address of the other family', () => {
  const to = (address: string) => ({ remote: { address, port: 9 } });
  it.each([
    [{ family: 6, ...to('127.0.0.1') }, 'options.remote.address', 6, '127.0.0.1'],
    [{ family: 4, ...to('::1') }, 'options.remote.address', 4, '::1'],
    [{ family: 6, address: '127.0.0.1' }, 'options.address', 6, '127.0.0.1'],
    [{ family: 4, address: '::1' }, 'options.address', 4, '::1'],
    [{ address: '::1', ...to('127.0.0.1') }, 'options.address', 4, '::1'],
    [{ address: '127.0.0.1', ...to('::1') }, 'options.address', 6, '127.0.0.1'],
  ] as const)('%o', async (options, name, family, address) => {
    const before = openDescriptors();
    const error = await rejectionOf(() => UdpSocket.open(options));
    const shown = `${name} must be a numeric IPv${family} address; received '${address}'`;
    expectError(error, coded(RangeError, 'INVALID_ADDRESS', shown));
    expect(openDescriptors()).toEqual(before);
  });
});

describe('a local address', () => {
  it('that is taken', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address();
    const remote = { address: '127.0.0.1', port: 9 };
    const before = openDescriptors();
    for (const more of [{}, { remote }]) {
      const open = () => UdpSocket.open({ address: '127.0.0.1', port, ...more });
      const error = await rejectionOf(open);
      expectError(error, coded(Error, 'EADDRINUSE', `bind EADDRINUSE 127.0.0.1:${port}`));
      expect(error).toMatchObject({ syscall: 'bind', address: '127.0.0.1', port });
    }
    expect(openDescriptors()).toEqual(before);
  });

  it('that is not of this host', async () => {
    const before = openDescriptors();
    const error = await rejectionOf(() => UdpSocket.open({ address: '198.18.255.1' }));
    expectError(error, coded(Error, 'EADDRNOTAVAIL', 'bind EADDRNOTAVAIL 198.18.255.1:0'));
    expect(openDescriptors()).toEqual(before);
  });
});

describe('a remote address', () => {
  it('that needs a permission: broadcast', async () => {
    const remote = { address: '127.255.255.255', port: 9 };
    const before = openDescriptors();
    const error = await rejectionOf(() => UdpSocket.open({ remote }));
    expectError(error, coded(Error, 'EACCES', 'connect EACCES 127.255.255.255:9'));
    expect(openDescriptors()).toEqual(before);
  });

  it('with a zone that is no interface', async () => {
    const remote = { address: 'fe80::1%no-such-zone', port: 9 };
    const error = await rejectionOf(() => UdpSocket.open({ remote }));
    expectError(error, coded(Error, 'EINVAL', 'fe80::1%no-such-zone'));
    const connect = () => TcpSocket.connect({ host: remote.address, port: 9 });
    expectError(await rejectionOf(connect), coded(Error, 'EINVAL', 'fe80::1%no-such-zone'));
  });
});
