// Objects with options: unknown ones, undefined ones, getters, and what stands on Object.prototype.
import { describe, expect, it, onTestFinished } from 'vitest';
import { BufferPool, PacketSocket, TcpSocket, UdpSocket, XdpSocket } from 'zerosend';
import { makePool, tracked } from '../../support/endpoints.js';
import { openDescriptors } from './descriptors.js';
import { expectError, rejectionOf, wrongType } from './expectations.js';

const TARGET = { host: '127.0.0.1', port: 9 };
const REMOTE = { address: '127.0.0.1', port: 9 };

/** Whatever takes options, called with some that are right otherwise. */
async function takers() {
  const pool = makePool({ count: 1 });
  const socket = tracked(await UdpSocket.open({ remote: REMOTE }));
  socket.send(Buffer.alloc(1));
  type Take = (options: object) => unknown;
  return {
    'new BufferPool': [(o) => new BufferPool({ count: 1, ...o }), 'bufferSize, count, hugePages'],
    'UdpSocket.open': [(o) => UdpSocket.open(o), 'family, address, port, remote, segmentSize'],
    'TcpSocket.connect': [(o) => TcpSocket.connect({ ...TARGET, ...o }), 'host, port, signal'],
    'PacketSocket.open': [(o) => PacketSocket.open({ interface: 'lo', ...o }), 'interface, frames'],
    linkLayer: [
      (o) =>
        PacketSocket.open({
          interface: 'lo',
          linkLayer: { destination: '02:00:00:00:00:01', protocol: 1, ...o },
        }),
      'destination, protocol',
    ],
    'XdpSocket.open': [(o) => XdpSocket.open({ interface: 'lo', ...o }), 'interface, queue, mode'],
    acquire: [(o) => pool.acquire(o), 'signal, priority'],
    acquireRun: [(o) => pool.acquireRun(1, o), 'signal, priority'],
    completed: [(o) => socket.completed(0, o), 'signal'],
    flush: [(o) => socket.flush(o), 'signal'],
    close: [async (o) => socket.close(o), 'timeout'],
  } satisfies Record<string, [Take, string]>;
}

const NAMES = [
  'new BufferPool',
  'UdpSocket.open',
  'TcpSocket.connect',
  'PacketSocket.open',
  'linkLayer',
  'XdpSocket.open',
  'acquire',
  'acquireRun',
  'completed',
  'flush',
  'close',
] as const;

describe.each(NAMES)('%s', (name) => {
  it('refuses an option that it does not know, and names it and those it does', async () => {
    const before = openDescriptors();
    const [take, known] = (await takers())[name] as [(options: object) => unknown, string];
    const opened = openDescriptors();
    const error = await rejectionOf(async () => take({ prioritty: 1 }));
    expectError(error, wrongType({ shown: 'prioritty' }));
    expect((error as Error).message).toContain(known);
    expect(openDescriptors()).toEqual(opened);
    expect(opened.length).toBeGreaterThanOrEqual(before.length);
  });
});

it('an option may be there and undefined', async () => {
  const none = undefined;
  const pool = new BufferPool({
    bufferSize: none,
    count: 1,
    hugePages: none,
    init: none,
    verify: none,
  });
  expect(pool.bufferSize).toBe(65_536);
  const shared = {
    zeroCopy: none,
    zeroCopyThreshold: none,
    sendBufferSize: none,
    maxQueuedSends: none,
    timestamps: none,
    maxPacingRate: none,
    interface: none,
  };
  const socket = tracked(
    await UdpSocket.open({
      ...shared,
      family: none,
      address: none,
      port: none,
      remote: none,
      segmentSize: none,
    }),
  );
  expect(socket.info()).toMatchObject({ segmentSize: 0, zeroCopy: { mode: 'auto' } });
  (await pool.acquire({ signal: none, priority: none })).release();
  (await pool.acquireRun(1, { signal: none, priority: none })).release();
  await socket.flush({ signal: none });
  await socket.close({ timeout: none });
  await pool.close();
});

it('each option is read once', async () => {
  const reads: Record<string, number> = {};
  const counting = <T extends object>(options: T): T =>
    new Proxy(options, {
      get: (of, key, receiver) => {
        reads[String(key)] = (reads[String(key)] ?? 0) + 1;
        return Reflect.get(of, key, receiver);
      },
    });
  const pool = new BufferPool(counting({ bufferSize: 4096, count: 2 }));
  const remote = counting({ address: '127.0.0.1', port: 9 });
  const socket = tracked(
    await UdpSocket.open(counting({ remote, maxQueuedSends: 5, zeroCopy: 'always' as const })),
  );
  expect(reads).toEqual({
    bufferSize: 1,
    count: 1,
    remote: 1,
    maxQueuedSends: 1,
    zeroCopy: 1,
    address: 1,
    port: 1,
  });
  await socket.close();
  await pool.close();
});

/** Puts values onto Object.prototype for the rest of the test. */
function pollute(values: Record<string, PropertyDescriptor>): void {
  const names = Object.keys(values);
  onTestFinished(() => {
    for (const name of names) Reflect.deleteProperty(Object.prototype, name);
  });
  for (const name of names) {
    Object.defineProperty(Object.prototype, name, { configurable: true, ...values[name] });
  }
}

const VALUES = {
  errno: 13,
  syscall: 'none',
  handle: 1,
  memory: new ArrayBuffer(8),
  local: { address: '127.0.0.9', port: 1 },
  remote: { address: '127.0.0.9', port: 1 },
  address: '127.0.0.9',
  port: 1,
  interface: 'no-such-one',
  timeout: -1,
  signal: 'none',
  priority: 'none',
  count: -1,
  verify: 'none',
  segmentSize: -1,
  maxPacingRate: -1,
  mtu: 5,
};

describe.each(['values', 'constants', 'accessors'] as const)('on Object.prototype, %s', (kind) => {
  const describeOne = (value: unknown): PropertyDescriptor => {
    if (kind === 'values') return { value, writable: true };
    if (kind === 'constants') return { value, writable: false };
    return { get: () => value, set: () => {} };
  };

  it('have no effect on opening, sending, closing, and leave no descriptor open', async () => {
    const before = openDescriptors();
    const clean = tracked(await UdpSocket.open()).info();
    const opened = openDescriptors();
    // Not all at once: one could hide another.
    for (const [name, value] of Object.entries(VALUES)) {
      Object.defineProperty(Object.prototype, name, { configurable: true, ...describeOne(value) });
      try {
        const pool = new BufferPool({ bufferSize: 4096 });
        const socket = await UdpSocket.open({});
        const { local, remote, mtu } = socket.info();
        const held = await pool.acquire({});
        const wait = pool.acquireRun(1);
        const id = socket.sendTo(held, 10, { address: '127.0.0.1', port: 9 });
        await socket.completed(id, {});
        await socket.flush({});
        (await wait).release();
        const refused = { address: '127.0.0.1', port: 9 } as Record<string, unknown>;
        delete refused[name];
        let accepted = true;
        try {
          socket.sendTo(Buffer.alloc(1), 1, refused as typeof REMOTE);
        } catch {
          accepted = false;
        }
        await socket.flush();
        const { outcome } = await socket.close({});
        await pool.close();
        Reflect.deleteProperty(Object.prototype, name);
        expect({ name, mtu, remote, address: local?.address, outcome }).toEqual({
          name,
          mtu: clean.mtu,
          remote: undefined,
          address: clean.local?.address,
          outcome: 'drained',
        });
        expect({ name, accepted }).toEqual({ name, accepted: Object.keys(refused).length === 2 });
        expect({ name, open: openDescriptors() }).toEqual({ name, open: opened });
      } finally {
        Reflect.deleteProperty(Object.prototype, name);
      }
    }
    expect(opened.length).toBeGreaterThan(before.length - 1);
  });

  it('have no effect on errors', async () => {
    pollute({ errno: describeOne(13), interface: describeOne('no-such-one') });
    const error = await rejectionOf(() => TcpSocket.connect({ host: '127.0.0.1', port: 1 }));
    Reflect.deleteProperty(Object.prototype, 'errno');
    Reflect.deleteProperty(Object.prototype, 'interface');
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
    expect((error as Error).message).toContain('127.0.0.1:1');
  });
});

it('a signal is more than its class', async () => {
  const pool = makePool({ count: 1 });
  const signal = Object.create(AbortSignal.prototype) as AbortSignal;
  expectError(await rejectionOf(() => pool.acquire({ signal })), wrongType({ shown: '' }));
});
