// Options of the kernel, as a receiver sees what they do, and as the kernel tells of them.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TcpSocket, UdpSocket } from 'zerosend';
import { compileProgram } from '../../../rig/index.mjs';
import { within } from '../../support/deadline.js';
import {
  connectTo,
  type Family,
  families,
  loopback,
  overLoopback,
  startPeer,
  tracked,
} from '../../support/endpoints.js';
import { itInline } from '../../support/submit.js';
import {
  coded,
  expectError,
  outOfRange,
  rejectionOf,
  thrownBy,
  wrongType,
} from '../input/expectations.js';

/** Reads the headers of what comes to a port of its own. */
async function readHeaders(family: Family) {
  const child = spawn(await compileProgram('header_reader'), [String(family)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await within(lines.next(), 'a line')).value as string;
  const port = Number(await next());
  return { port, next };
}

const open = async (options = {}) => tracked(await UdpSocket.open(options));

for (const family of families) {
  describe(`over IPv${family}`, overLoopback(family), () => {
    it('TTL and TOS are in the header of each datagram, as given when opened and as set later', async () => {
      const { port, next } = await readHeaders(family);
      const remote = { address: loopback(family), port };
      const socket = await open({ remote, ttl: 7, tos: 0xb8 });
      expect(socket.info().settings).toMatchObject({ ttl: 7, tos: 0xb8 });
      socket.send(new Uint8Array(10));
      expect(await next()).toBe('10 7 184');
      expect(socket.setOption('ttl', 255).setOption('tos', 8)).toBe(socket);
      socket.send(new Uint8Array(11));
      expect(await next()).toBe('11 255 8');
      expect(socket.info().settings).toMatchObject({ ttl: 255, tos: 8 });
    });

    it('a connection comes from the address and port that were asked for', async () => {
      const address = family === 4 ? '127.0.0.77' : '::1';
      const { server, accepted } = await listen(family);
      const { port } = server.address() as AddressInfo;
      const options = { host: loopback(family), port };
      const socket = tracked(await TcpSocket.connect({ ...options, localAddress: address }));
      const [first] = await accepted(1);
      expect(first?.remoteAddress).toBe(address);
      expect(socket.info().local).toEqual({ address, port: first?.remotePort });
      const free = await freePort(family);
      const other = tracked(
        await TcpSocket.connect({ ...options, localPort: free, ttl: 9, tos: 0x20 }),
      );
      const [, second] = await accepted(2);
      expect(second?.remotePort).toBe(free);
      expect(other.info().settings).toMatchObject({ ttl: 9, tos: 0x20, keepAlive: false });
      const taken = { ...options, localAddress: address, localPort: first?.remotePort as number };
      expect(await rejectionOf(() => TcpSocket.connect(taken))).toMatchObject({
        code: 'EADDRINUSE',
        syscall: 'bind',
        address,
        port: first?.remotePort,
      });
    });
  });
}

/** A server that keeps what it accepts. */
async function listen(family: Family) {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => {}).resume();
    sockets.push(socket);
    server.emit('accepted');
  }).listen(0, loopback(family));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  const accepted = async (count: number) => {
    while (sockets.length < count) await within(once(server, 'accepted'), 'a connection');
    return sockets;
  };
  return { server, accepted };
}

async function freePort(family: Family): Promise<number> {
  const server = createServer().listen(0, loopback(family));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('options of UDP', () => {
  // The kernel's refusals fail the id: docs/submission-thread.md, "what the kernel refuses".
  itInline('broadcast is refused without the option and heard with it', async () => {
    const receiver = createSocket('udp4');
    onTestFinished(() => void receiver.close());
    const bound = once(receiver, 'listening');
    receiver.bind(0);
    await bound;
    const to = { address: '127.255.255.255', port: receiver.address().port };
    const socket = await open();
    expect(thrownBy(() => socket.sendTo(Buffer.from('x'), 1, to))).toMatchObject({
      code: 'EACCES',
    });
    socket.setOption('broadcast', true).sendTo(Buffer.from('later'), 5, to);
    expect(String((await within(once(receiver, 'message'), 'the message'))[0])).toBe('later');
    const other = await open({ broadcast: true });
    other.sendTo(Buffer.from('opened'), 6, to);
    expect(String((await within(once(receiver, 'message'), 'the message'))[0])).toBe('opened');
    expect(other.info().settings?.broadcast).toBe(true);
    other.setOption('broadcast', false);
    expect(thrownBy(() => other.sendTo(Buffer.from('x'), 1, to))).toMatchObject({ code: 'EACCES' });
  });

  it('sockets share an address where all of them say reusePort', async () => {
    const first = await open({ address: '127.0.0.1', reusePort: true });
    const { port } = first.info().local as { port: number };
    expect(await rejectionOf(() => open({ address: '127.0.0.1', port }))).toMatchObject({
      code: 'EADDRINUSE',
    });
    const second = await open({ address: '127.0.0.1', port, reusePort: true });
    expect(second.info()).toMatchObject({ local: { port }, settings: { reusePort: true } });
  });

  it('the priority holds though TOS sets one, too', async () => {
    const socket = await open({ priority: 5, tos: 0x10 });
    expect(socket.info().settings).toMatchObject({ priority: 5, tos: 0x10 });
    socket.setOption('priority', 0);
    expect(socket.info().settings?.priority).toBe(0);
  });
});

describe('options of TCP', () => {
  it('keepalive and the time for an acknowledgement are as given, and as set later', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const options = {
      keepAlive: true,
      keepAliveIdle: 30,
      keepAliveInterval: 5,
      keepAliveProbes: 3,
    };
    const socket = await connectTo(peer, { ...options, userTimeout: 2500 });
    expect(socket.info().settings).toMatchObject({ ...options, userTimeout: 2500 });
    expect(socket.info().settings).not.toHaveProperty('broadcast');
    socket.setOption('keepAlive', false).setOption('keepAliveIdle', 31);
    socket.setOption('userTimeout', 0);
    expect(socket.info().settings).toMatchObject({
      ...options,
      keepAlive: false,
      keepAliveIdle: 31,
      userTimeout: 0,
    });
  });

  it('one port connects to two peers where both say reusePort', async () => {
    const peers = await Promise.all([listen(4), listen(4)]);
    const localPort = await freePort(4);
    for (const { server } of peers) {
      const { port } = server.address() as AddressInfo;
      const options = { host: '127.0.0.1', port, localPort, reusePort: true };
      expect(tracked(await TcpSocket.connect(options)).info().local?.port).toBe(localPort);
    }
  });

  it('an address of the wrong family, or none, is refused', async () => {
    const base = { host: '127.0.0.1', port: 9 };
    for (const localAddress of ['::1', 'localhost', '127.0.0.300']) {
      expectError(
        await rejectionOf(() => TcpSocket.connect({ ...base, localAddress })),
        coded(RangeError, 'INVALID_ADDRESS', localAddress),
      );
    }
    const away = { ...base, localAddress: '198.18.255.254' };
    expect(await rejectionOf(() => TcpSocket.connect(away))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
      address: '198.18.255.254',
    });
  });
});

describe('what is wrong', () => {
  const NUMBERS = [
    ['ttl', 1, 255],
    ['tos', 0, 255],
    ['priority', 0, 2 ** 31 - 1],
    ['mark', 0, 2 ** 32 - 1],
    ['multicastTtl', 0, 255],
  ] as const;
  const FLAGS = ['broadcast', 'multicastLoop'] as const;

  it('is refused when opening and when setting, with its name and what was received', async () => {
    const socket = await open();
    const both = async (name: string, value: unknown) => [
      await rejectionOf(() => UdpSocket.open({ [name]: value })),
      thrownBy(() => socket.setOption(name as 'ttl', value as number)),
    ];
    for (const [name, least, most] of NUMBERS) {
      for (const value of [least - 1, most + 1, 1.5, Number.NaN]) {
        for (const error of await both(name, value))
          expectError(error, outOfRange({ shown: name }));
      }
      for (const value of ['1', null, 1n, {}]) {
        for (const error of await both(name, value)) expectError(error, wrongType({ shown: name }));
      }
    }
    for (const name of FLAGS) {
      for (const value of [1, 'yes', null]) {
        for (const error of await both(name, value)) expectError(error, wrongType({ shown: name }));
      }
    }
    for (const error of await both('multicastInterface', 'a name of 16 by')) {
      expect(error).toMatchObject({ code: 'ENODEV', interface: 'a name of 16 by' });
    }
    for (const error of await both('multicastInterface', 'a name of 16 byt')) {
      expectError(error, outOfRange({}));
    }
    for (const name of ['reuseAddress', 'keepAlive', 'toString', undefined, {}]) {
      const error = thrownBy(() => socket.setOption(name as 'ttl', 1));
      expectError(error, wrongType({ shown: 'name' }));
    }
    expectError(
      thrownBy(() => socket.setOption('ttl', undefined as never)),
      wrongType({}),
    );
    await socket.close();
    expectError(
      thrownBy(() => socket.setOption('ttl', 9)),
      coded(Error, 'SOCKET_CLOSED'),
    );
    expect(socket.info().settings).toEqual({});
  });

  it('is refused of TCP', async () => {
    const connect = (options: object) =>
      rejectionOf(() => TcpSocket.connect({ host: '127.0.0.1', port: 9, ...options }));
    for (const [name, most] of [
      ['keepAliveIdle', 32_767],
      ['keepAliveInterval', 32_767],
      ['keepAliveProbes', 127],
      ['userTimeout', 2 ** 31 - 1],
      ['localPort', 65_535],
    ] as const) {
      expectError(await connect({ [name]: most + 1 }), outOfRange({ shown: name }));
      expectError(await connect({ [name]: -1 }), outOfRange({ shown: name }));
      expectError(await connect({ [name]: '1' }), wrongType({ shown: name }));
    }
    expectError(await connect({ broadcast: true }), wrongType({ shown: 'broadcast' }));
  });
});
