// What errors and failed ranges say, where it takes a network of one's own to provoke them.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  BufferPool,
  type CodedError,
  PacketSocket,
  type PooledBuffer,
  TcpSocket,
  UdpSocket,
  type ZeroCopySocket,
} from 'zerosend';
import { event } from '../../support/deadline.js';
import { addPair, ip, ownLinks } from '../../support/links.js';
import { OtherNamespace } from '../../support/other-namespace.js';
import { itInline } from '../../support/submit.js';

/** A name with the addresses that a test gives it. Made before the library binds the function. */
const several = await vi.hoisted(async () => {
  const { default: dns } = await import('node:dns');
  const { syncBuiltinESMExports } = await import('node:module');
  const several: { addresses: string[] } = { addresses: [] };
  const { lookup } = dns;
  dns.lookup = ((host: string, options: { family?: number }, callback: () => void) => {
    if (host !== 'several.test') return Reflect.apply(lookup, dns, [host, options, callback]);
    const found = several.addresses.map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }));
    const { family = 0 } = options;
    const wanted = family ? found.filter((one) => one.family === family) : found;
    setImmediate(callback as (...result: unknown[]) => void, null, wanted);
  }) as typeof lookup;
  syncBuiltinESMExports();
  return several;
});

const NOWHERE = '198.18.0.9'; // no route leads there
const LOOPBACK = { address: '127.0.0.1', port: 9 };

function narrowLoopback(mtu: number): void {
  ip(`link set lo mtu ${mtu}`);
  onTestFinished(() => void ip('link set lo mtu 65536'));
}

async function errorOf(action: () => unknown): Promise<CodedError> {
  try {
    await action();
  } catch (error) {
    return error as CodedError;
  }
  return expect.fail('it has not failed');
}

function rangesOf(socket: ZeroCopySocket): string[] {
  const told: string[] = [];
  socket.on('complete', ({ first, last, how, code }) => {
    told.push(`${first}-${last} ${how === 'failed' ? `${how} ${code}` : 'sent'}`);
  });
  return told;
}

describe('an error', ownLinks(), () => {
  // The kernel's refusals fail the id: docs/submission-thread.md, "what the kernel refuses".
  itInline('of sendTo names the destination', async () => {
    const socket = await UdpSocket.open({ remote: LOOPBACK, segmentSize: 1000 });
    const to = { address: NOWHERE, port: 7 };
    const elsewhere = await errorOf(() => socket.sendTo(new Uint8Array(10), 10, to));
    expect(elsewhere).toMatchObject({ code: 'ENETUNREACH', ...to });
    expect(elsewhere.message).toContain('198.18.0.9:7');
    narrowLoopback(900);
    const bytes = new Uint8Array(9000);
    for (const send of [() => socket.sendTo(bytes, 9000, LOOPBACK), () => socket.send(bytes)]) {
      const error = await errorOf(send);
      expect(error).toMatchObject({ code: 'ERR_ZEROSEND_DATAGRAM_TOO_LONG', name: 'RangeError' });
      expect(error).toMatchObject({ ...LOOPBACK, syscall: 'sendto' });
      expect(error.message).toContain('127.0.0.1:9');
    }
    await socket.close();
  });

  it('of a UDP host that has no address with a way to it is that of the last', async () => {
    const remote = { address: 'several.test', port: 9 };
    several.addresses = [NOWHERE, '127.0.0.1'];
    const socket = await UdpSocket.open({ remote });
    expect(socket.info().remote).toEqual(LOOPBACK);
    socket.send(new Uint8Array(10));
    await socket.close();
    // The local address is of the family of the second.
    several.addresses = ['2001:2::9', '127.0.0.1'];
    const bound = await UdpSocket.open({ remote, address: '127.0.0.1' });
    expect(bound.info().local?.address).toBe('127.0.0.1');
    await bound.close();
    several.addresses = ['198.18.0.8', NOWHERE];
    const none = { code: 'ENETUNREACH', syscall: 'connect', address: NOWHERE };
    await expect(UdpSocket.open({ remote })).rejects.toMatchObject(none);
  });

  it('tells that a connection would be one to itself', async () => {
    const port = 40_000;
    writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', `${port} ${port}`);
    onTestFinished(() => writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '32768 60999'));
    // The second time the port is free again.
    for (let i = 0; i < 2; i++) {
      const error = await errorOf(() => TcpSocket.connect({ host: '127.0.0.1', port }));
      expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', errno: -111 });
      expect(error).toMatchObject({ address: '127.0.0.1', port });
      expect(error.message).toContain('connected to itself');
    }
  });
});

describe('a failed range', ownLinks(), () => {
  it('of datagrams has the code of the kernel', async () => {
    const pool = new BufferPool({ count: 8, hugePages: 'none' });
    const options = { segmentSize: 1400, zeroCopy: 'always' } as const;
    const socket = await UdpSocket.open({ remote: LOOPBACK, ...options });
    const told = rangesOf(socket);
    narrowLoopback(1300);
    // The kernel refuses the second and the fourth for their length.
    const buffers = Array.from({ length: 4 }, () => pool.tryAcquire() as PooledBuffer);
    socket.sendMany(buffers, [100, 2800, 100, 2800]);
    await socket.flush();
    expect(told.sort()).toEqual([
      '0-0 sent',
      expect.stringMatching(/^1-1 failed E(MSGSIZE|INVAL)$/), // before Linux 6.14 EINVAL
      '2-2 sent',
      expect.stringMatching(/^3-3 failed E(MSGSIZE|INVAL)$/),
    ]);
    const report = { outcome: 'aborted', unfinished: 2, bytesAccepted: 200 };
    expect(await socket.close()).toMatchObject(report);
  });

  it('of frames says that their interface is gone', async () => {
    const { name } = addPair();
    const socket = await PacketSocket.open({ interface: name, frames: 16, frameSize: 2048 });
    const told = rangesOf(socket);
    const errors: string[] = [];
    socket.on('error', (error) => void errors.push((error as CodedError).code));
    ip(`link set ${name} down`);
    for (let i = 0; i < 4; i++) socket.send(new Uint8Array(100));
    const closed = event(socket, 'close');
    ip(`link del ${name}`);
    const report = { outcome: 'aborted', ids: 4, unfinished: 4, bytesAccepted: 0 };
    expect(await closed).toMatchObject({ ...report, error: { code: 'ENXIO' } });
    expect(told).toEqual(['0-3 failed ENXIO']);
    expect(errors).toEqual(['ENXIO']);
  });
});

it(
  'a peer that acknowledges nothing any more ends a connection after its userTimeout',
  ownLinks(),
  async () => {
    const other = await OtherNamespace.open();
    const { name, peer } = addPair();
    other.take(peer);
    ip(`address add 198.18.8.1/24 dev ${name}`);
    other.run(`ip address add 198.18.8.2/24 dev ${peer}`);
    const program = `require('net').createServer((connection) => connection.resume())
    .listen(7000, '198.18.8.2', () => console.log('ready'))`;
    const [file = '', ...prefix] = [...other.prefix, process.execPath];
    const server = spawn(file, [...prefix, '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void server.kill('SIGKILL'));
    await event(server.stdout, 'data');
    const options = { host: '198.18.8.2', port: 7000 };
    const impatient = await TcpSocket.connect({ ...options, userTimeout: 600 });
    const patient = await TcpSocket.connect(options);
    for (const socket of [impatient, patient]) {
      socket.on('error', () => {});
      onTestFinished(() => void socket.abort());
      await socket.completed(socket.send(Buffer.alloc(1000, 'heard')));
    }
    // What leaves from now on is for an interface that is not there.
    ip(`neigh replace 198.18.8.2 lladdr 02:00:00:00:00:99 dev ${name} nud permanent`);
    const began = performance.now();
    const failed = event<CodedError>(impatient, 'error');
    for (const socket of [impatient, patient]) socket.send(Buffer.alloc(1000, 'not heard'));
    expect(await failed).toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - began).toBeGreaterThan(550);
    expect(patient.info().local).toBeDefined(); // it is open
  },
);
