// The fake addon against the real one: the same functions, and the same answers to the same calls.
import { createSocket, type Socket as DgramSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as real from '../../../lib/addon/addon.js';
import type { OpenRequest } from '../../../lib/addon/contract.js';
import { module as fakeModule, mailboxOf } from '../support/fake-native.js';

const { FLAG_DESTINATION, FLAG_ZERO_COPY, KIND_INLINE, KIND_REVOKED } = real;
const EBADF = 9;
const EINVAL = 22;

let receiver: DgramSocket;
beforeAll(async () => {
  receiver = createSocket('udp4').bind(0, '127.0.0.1');
  await once(receiver, 'listening');
});
afterAll(() => receiver.close());

it('has every function of the real addon that the library calls', () => {
  const functions = (native: object) => {
    const names = new Set<string>();
    for (let at = native; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      for (const name of Object.getOwnPropertyNames(at)) {
        if (typeof (native as Record<string, unknown>)[name] === 'function') names.add(name);
      }
    }
    return names;
  };
  const fake = functions(fakeModule.native);
  expect([...functions(real.native)].filter((name) => !fake.has(name))).toEqual([]);
  expect(Object.keys(fakeModule).sort()).toEqual(Object.keys(real).sort());
  expect(fakeModule.native.interfaceVersion).toBe(real.native.interfaceVersion);
});

describe.each([
  ['real', real],
  ['fake', fakeModule as typeof real],
])('the %s addon', (_name, { native }) => {
  const { batch, requests, queued, call } = mailboxOf(native);
  const request = (options: Partial<OpenRequest> = {}): OpenRequest => ({
    remote: { address: '127.0.0.1', port: receiver.address().port },
    family: 4,
    sendBufferSize: 0,
    segmentSize: 0,
    zeroCopy: true,
    maxQueuedSends: 4,
    timestamps: 0,
    maxPacingRate: 0,
    ...options,
  });
  const open = (options?: Partial<OpenRequest>): number => {
    const opened = native.openUdp(request(options));
    if ('errno' in opened) throw new Error(`${opened.syscall}: errno ${opened.errno}`);
    expect(opened.firstId).toBe(0);
    expect(opened.fd).toBeGreaterThan(2);
    return opened.handle;
  };
  const slab = () => {
    const made = native.createSlab(4096, 4, 0);
    if ('errno' in made) throw new Error(`errno ${made.errno}`);
    expect(made.memory.byteLength).toBe(4 * 4096);
    return made.handle;
  };
  const sendSlot = (handle: number, of: number, slot: number, length: number, flags: number) => {
    call.set([handle, of, slot, length, flags]);
    native.send();
    return call[5];
  };
  /** The records of a poll, without the handle, which is the socket's. */
  const poll = (handle: number) => {
    const records = native.poll(handle);
    return Array.from({ length: Math.max(0, records) }, (_, i) => {
      const [of, ...record] = batch.subarray(4 * i, 4 * i + 4);
      expect(of).toBe(handle);
      return record;
    });
  };

  it('completes what is sent inline at once, neighbours in one range', () => {
    const handle = open();
    const pool = slab();
    expect(sendSlot(handle, pool, 3, 100, 0)).toBe(0);
    expect(native.sendPlain(handle, new Uint8Array(10), 10, 0)).toBe(0);
    requests.set([pool, 0, 5, 0, pool, 1, 6, 0]);
    expect(native.sendMany(handle, 2)).toBe(0);
    expect(queued[0]).toBe(0);
    expect(poll(handle)).toEqual([[KIND_INLINE, 0, 3]]);
    expect(poll(handle)).toEqual([]);
    native.close(handle);
    native.releaseSlab(pool);
  });

  it('answers that a copied send has completed, to who asks, and tells it by no record', () => {
    const handle = open();
    const pool = slab();
    const ask = real.FLAG_PROMPT;
    expect(sendSlot(handle, pool, 0, 100, ask)).toBe(real.PROMPT);
    expect(native.sendPlain(handle, new Uint8Array(10), 10, ask)).toBe(real.PROMPT);
    expect(poll(handle)).toEqual([]);
    expect(sendSlot(handle, pool, 0, 100, 0)).toBe(0); // not asked for
    expect(poll(handle)).toEqual([[KIND_INLINE, 2, 2]]);
    expect(sendSlot(handle, pool, 1, 100, ask)).toBe(real.PROMPT);
    expect(sendSlot(handle, pool, 2, 4097, ask)).toBe(-EINVAL);
    native.close(handle);
    native.releaseSlab(pool);
  });

  it('revokes or completes by the end of abort what was sent without a copy', () => {
    const handle = open();
    expect(native.sendPlain(handle, new Uint8Array(10), 10, FLAG_ZERO_COPY)).toBe(0);
    native.abort(handle);
    const ids = poll(handle).flatMap(([kind = -1, first = -1, last = -1]) => {
      expect(kind).toBeLessThanOrEqual(KIND_REVOKED);
      return [first, last];
    });
    expect(ids).toEqual([0, 0]);
    expect(native.sendPlain(handle, new Uint8Array(10), 10, 0)).toBe(real.REFUSED_CLOSED);
    native.close(handle);
  });

  it('refuses sends after beginClose, and takes no id for them', () => {
    const handle = open();
    native.beginClose(handle);
    expect(native.sendPlain(handle, new Uint8Array(10), 10, 0)).toBe(real.REFUSED_CLOSED);
    requests.set([1, 0, 5, 0]);
    expect(poll(handle)).toEqual([]);
    native.close(handle);
  });

  it('refuses more at once than may wait', () => {
    const handle = open();
    const pool = slab();
    for (let i = 0; i < 5; i++) requests.set([pool, 0, 5, 0], 4 * i);
    expect(native.sendMany(handle, 5)).toBe(real.REFUSED_QUEUE_FULL);
    expect(poll(handle)).toEqual([]);
    native.close(handle);
    native.releaseSlab(pool);
  });

  it('knows a socket no more after close', () => {
    const handle = open();
    native.close(handle);
    expect(native.sendPlain(handle, new Uint8Array(10), 10, 0)).toBe(-EBADF);
    expect(native.poll(handle)).toBe(-EBADF);
    expect(native.arm(handle)).toBe(-EBADF);
    expect(native.describe(handle)).toEqual({});
    expect(native.unacknowledged(handle)).toBe(0);
    expect(() => native.abort(handle)).not.toThrow();
    expect(() => native.beginClose(handle)).not.toThrow();
  });

  it('refuses memory that is not there', () => {
    const handle = open();
    const pool = slab();
    const bad: [number, number, number][] = [
      [pool, 4, 10],
      [pool, 0, 0],
      [pool, 0, 4097],
      [pool + 1000, 0, 10],
    ];
    for (const [of, slot, length] of bad) {
      expect(sendSlot(handle, of, slot, length, 0)).toBe(-EINVAL);
    }
    expect(native.sendPlain(handle, new Uint8Array(10), 11, 0)).toBe(-EINVAL);
    expect(native.sendPlain(handle, new Uint8Array(10), 0, 0)).toBe(-EINVAL);
    expect(poll(handle)).toEqual([]);
    native.close(handle);
    native.releaseSlab(pool);
  });

  it('takes destinations of both families, and none after a refusal', () => {
    const { port } = receiver.address();
    const unconnected = open({ remote: undefined, local: { address: '127.0.0.1', port: 0 } });
    const send = () => native.sendPlain(unconnected, new Uint8Array(1), 1, FLAG_DESTINATION);
    expect(native.setDestination('::1', port)).toBe(true);
    expect(native.setDestination('fe80::1%1', port)).toBe(true);
    for (const address of ['localhost', '', '127.0.0.1%lo', 'fe80::1%nosuch0', 'fe80::1%-1']) {
      expect(native.setDestination(address, port), address).toBe(false);
    }
    expect(native.setDestination('127.0.0.1', port)).toBe(true);
    expect(send()).toBe(0);
    expect(poll(unconnected)).toEqual([[KIND_INLINE, 0, 0]]);
    native.close(unconnected);
  });

  it('does not connect a TCP socket at once', () => {
    const opened = native.openTcp(request());
    if ('errno' in opened) throw new Error(`errno ${opened.errno}`);
    expect(native.sendPlain(opened.handle, new Uint8Array(1), 1, 0)).toBe(real.REFUSED_CLOSED);
    native.abort(opened.handle);
    const kinds = poll(opened.handle).map(([kind]) => kind);
    expect(kinds.every((kind) => (kind as number) > KIND_REVOKED)).toBe(true);
    native.close(opened.handle);
  });
});
