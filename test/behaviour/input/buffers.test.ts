import { describe, expect, it } from 'vitest';
import { PooledBuffer, UdpSocket } from 'zerosend';
import { within } from '../../support/deadline.js';
import { expectAllFree, makePool, tracked } from '../../support/endpoints.js';
import { coded, type Expected, outOfRange, wrongType } from './expectations.js';
import * as values from './values.js';
import { LENGTH, Witness, witnesses } from './witness.js';

const FREE = coded(TypeError, 'BUFFER_FREE');
const IN_FLIGHT = coded(TypeError, 'BUFFER_IN_FLIGHT');

/** All that can be done with a pooled buffer is refused. */
function refusesAll(witness: Witness, buffer: PooledBuffer, expected: Expected): void {
  const { socket } = witness;
  // Of another pool: there is one object for each slot, and `buffer` must not become it again.
  const fresh = makePool({ count: 1 }).tryAcquire() as PooledBuffer;
  witness.refuses(() => socket.send(buffer, 100), expected);
  witness.refuses(() => socket.sendMany([buffer], 100), expected);
  witness.refuses(() => socket.sendMany([fresh, buffer], [100, 100]), expected);
  if (socket instanceof UdpSocket) {
    const to = { address: '127.0.0.1', port: witness.peer.port };
    witness.refuses(() => socket.sendTo(buffer, 100, to), expected);
  }
  witness.refuses(() => buffer.retain(), expected);
  witness.refuses(() => buffer.release(), expected);
  expect(fresh.pool.acquired).toBe(1);
  fresh.release();
}

/** The properties a PooledBuffer has, but for those that only its pool can give it. */
function forgeries(real: PooledBuffer): PooledBuffer[] {
  const { pool, index, bytes } = real;
  const Forge = PooledBuffer as unknown as new (...args: unknown[]) => PooledBuffer;
  return [
    Object.create(PooledBuffer.prototype),
    Object.assign(Object.create(PooledBuffer.prototype), { index: 0 }),
    Object.create(PooledBuffer.prototype, { bytes: { value: bytes }, pool: { value: pool } }),
    new Forge(),
    new Forge(pool, index, bytes),
  ];
}

describe.each(['TCP', 'UDP'] as const)('over %s, a pooled buffer', (protocol) => {
  it('that is free', async () => {
    const witness = await witnesses[protocol]();
    const released = witness.acquire();
    released.release();
    refusesAll(witness, released, FREE);
    await witness.isSound();
    refusesAll(await witnesses[protocol](), released, FREE);
  });

  it('that was sent and has come back', async () => {
    const witness = await witnesses[protocol]();
    const buffer = witness.acquire();
    witness.content.fill(buffer.bytes, LENGTH);
    witness.socket.send(buffer, LENGTH);
    await within(witness.socket.flush(), 'flush()');
    refusesAll(witness, buffer, FREE);
    witness.sent(1);
    await witness.isSound();
  });

  it('that is in flight', async () => {
    const witness = await witnesses[protocol]();
    const buffer = witness.acquire();
    witness.content.fill(buffer.bytes, LENGTH);
    witness.socket.send(buffer, LENGTH);
    expect(witness.pool.inFlight).toBe(1);
    refusesAll(witness, buffer, IN_FLIGHT);
    expect(witness.pool.inFlight).toBe(1);
    witness.sent(1);
    await witness.isSound();
  });

  it('that was released twice, and once too often when leased', async () => {
    const witness = await witnesses[protocol]();
    const buffer = witness.acquire();
    buffer.retain(2);
    for (let i = 0; i < 3; i++) buffer.release();
    witness.refuses(() => buffer.release(), FREE);
    buffer[Symbol.dispose](); // which is for this very case
    expectAllFree(witness.pool);
    await witness.isSound();
  });

  it('whose leases do not suffice', async () => {
    const witness = await witnesses[protocol]();
    const buffer = witness.acquire().retain();
    const { socket } = witness;
    witness.refuses(() => socket.sendMany([buffer, buffer, buffer], 100), IN_FLIGHT);
    buffer.release();
    witness.refuses(() => socket.sendMany([buffer, buffer], 100), IN_FLIGHT);
    buffer.release();
    await witness.isSound();
  });

  it('of a closed pool', async () => {
    const witness = await witnesses[protocol]();
    const pool = makePool({ count: 1 });
    const buffer = pool.tryAcquire() as PooledBuffer;
    const closed = pool.close();
    buffer.release();
    await within(closed, 'close()');
    refusesAll(witness, buffer, FREE);
    await witness.isSound();
  });

  it('that no pool has made', async () => {
    const witness = await witnesses[protocol]();
    const real = witness.acquire();
    for (const forged of forgeries(real)) {
      refusesAll(witness, forged, wrongType({ shown: 'PooledBuffer' }));
      witness.refuses(() => forged[Symbol.dispose](), wrongType({ shown: 'PooledBuffer' }));
    }
    real.release();
    await witness.isSound();
  });

  it('whose leases are no count', async () => {
    const witness = await witnesses[protocol]();
    const buffer = witness.acquire();
    const retain = (leases: unknown) => () => buffer.retain(leases as number);
    for (const wrong of values.NOT_A_NUMBER_TYPE)
      witness.refuses(retain(wrong.value), wrongType(wrong));
    for (const wrong of values.outside(1, 1_000_000)) {
      witness.refuses(retain(wrong.value), outOfRange(wrong));
    }
    witness.refuses(retain(0), outOfRange({ shown: 'number 0' }));
    buffer.release();
    witness.refuses(retain(1), FREE);
    await witness.isSound();
  });
});

describe('a pooled buffer', () => {
  it('counts its leases beyond the thousand million, and no further than it can', async () => {
    const witness = await Witness.udp();
    const buffer = witness.acquire();
    for (let i = 0; i < 4294; i++) buffer.retain(1_000_000);
    witness.refuses(() => buffer.retain(1_000_000), outOfRange({ shown: 'number 4295000001' }));
    buffer.retain(967_294); // 2^32 - 1 leases
    witness.refuses(() => buffer.retain(), outOfRange({ shown: 'number 4294967296' }));
    buffer.release();
    expect(witness.pool.acquired).toBe(1);
  });
});

describe('the memory of a pool', () => {
  it('stays with the pool when somebody transfers it', async () => {
    const witness = await Witness.udp();
    const buffer = witness.acquire();
    const { buffer: memory } = buffer.bytes;
    try {
      structuredClone(memory, { transfer: [memory as ArrayBuffer] }).slice(0, 1); // a copy
    } catch (error) {
      expect(error).toHaveProperty('name', 'DataCloneError'); // since Node.js 22
    }
    expect(buffer.bytes.length).toBe(witness.pool.bufferSize);
    buffer.release();
    await witness.isSound();
  });
});

describe.each(['TCP', 'UDP'] as const)('over %s, a plain buffer', (protocol) => {
  it('is a Uint8Array', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const pooled = witness.acquire();
    for (const wrong of values.NOT_A_BUFFER) {
      const buffer = wrong.value as Uint8Array;
      // An array is one of parts, of which each has a length, and the first is none.
      const isArray = Array.isArray(buffer);
      const part = wrongType(isArray ? { shown: 'parts[0] ' } : wrong);
      const refusal = wrongType(isArray ? { shown: 'lengths must be an array of 3' } : wrong);
      witness.refuses(() => socket.send(buffer), part);
      witness.refuses(() => socket.send(buffer, 5), refusal);
      witness.refuses(
        () => socket.sendMany([pooled, wrong.value as PooledBuffer], 5),
        wrongType(wrong),
      );
      if (socket instanceof UdpSocket) {
        const to = { address: '127.0.0.1', port: witness.peer.port };
        witness.refuses(() => socket.sendTo(buffer, 5, to), refusal);
      }
    }
    // sendMany is for pooled buffers alone.
    const plain = Buffer.alloc(9) as unknown as PooledBuffer;
    witness.refuses(() => socket.sendMany([plain], 9), wrongType({ shown: '<Buffer 00' }));
    pooled.release();
    await witness.isSound();
  });

  it('has its memory', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const whole = new Uint8Array(100);
    const part = new Uint8Array(whole.buffer, 10, 50);
    const view = Buffer.from(whole.buffer);
    structuredClone(whole.buffer, { transfer: [whole.buffer] });
    const detached = coded(TypeError, 'BUFFER_DETACHED');
    for (const bytes of [whole, part, view]) {
      witness.refuses(() => socket.send(bytes), detached);
      witness.refuses(() => socket.send(bytes, 5), detached);
    }
    await witness.isSound();
  });

  it('cannot lose its memory to a resize', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const resizable = new values.ResizableBuffer(100, { maxByteLength: 200 });
    const growable = new values.GrowableBuffer(100, { maxByteLength: 200 });
    const cut = new values.ResizableBuffer(100, { maxByteLength: 200 });
    const beyond = new Uint8Array(cut, 50, 20);
    cut.resize(10);
    const views = [resizable, growable].flatMap((memory) => [
      new Uint8Array(memory),
      new Uint8Array(memory, 0, 50),
      Buffer.from(memory),
    ]);
    for (const bytes of [...views, beyond]) {
      witness.refuses(() => socket.send(bytes), coded(TypeError, 'BUFFER_RESIZABLE'));
      witness.refuses(() => socket.send(bytes, 5), coded(TypeError, 'BUFFER_RESIZABLE'));
    }
    await witness.isSound();
  });

  it('is not empty', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    for (const bytes of [
      new Uint8Array(0),
      Buffer.alloc(0),
      new Uint8Array(new ArrayBuffer(9), 9),
    ]) {
      witness.refuses(() => socket.send(bytes), outOfRange({ shown: 'empty; received number 0' }));
      witness.refuses(() => socket.send(bytes, 0), outOfRange({ shown: 'number 0' }));
      witness.refuses(() => socket.send(bytes, 1), outOfRange({ shown: 'number 1' }));
    }
    await witness.isSound();
  });

  it('may share its memory with other threads', async () => {
    const witness = await witnesses[protocol]();
    const bytes = new Uint8Array(new SharedArrayBuffer(LENGTH));
    witness.content.fill(bytes);
    expect(witness.socket.send(bytes)).toBe(0);
    witness.sent(1);
    await witness.isSound();
  });
});

describe('a socket without its user', () => {
  it('is not taken along by an error that describes a huge object', async () => {
    const socket = tracked(await UdpSocket.open());
    const huge = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key${i}`, i]));
    const send = () => socket.send(huge as unknown as Uint8Array);
    expect(send).toThrow(/^.{100,300}$/);
  });
});
