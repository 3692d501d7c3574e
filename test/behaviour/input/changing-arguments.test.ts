// Arguments that change while they are read: by getters, by a Proxy, by what these do to the socket.
import { describe, expect, it } from 'vitest';
import type { BufferRun, PooledBuffer, UdpSocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { within } from '../../support/deadline.js';
import { expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { itInline } from '../../support/submit.js';
import { coded, expectError, thrownBy, wrongType } from './expectations.js';

/** A socket whose datagrams are told apart by their lengths, and a pool. */
async function setup(count = 8) {
  const peer = await startPeer({ protocol: 'udp', discard: true });
  const socket = await openTo(peer, { zeroCopy: 'always' });
  const pool = makePool({ bufferSize: 4096, count });
  const completions = new Completions(socket);
  const take = (n: number) => Array.from({ length: n }, () => pool.tryAcquire() as PooledBuffer);
  /** Every id once, and every buffer back: exactly `ids` were sent, of `bytes` in all. */
  const expectBooks = async (ids: number, bytes: number) => {
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(ids);
    expect(socket).toMatchObject({ nextId: ids, inFlight: 0 });
    expect(socket.stats()).toMatchObject({ sends: ids, completed: ids, bytes });
    expectAllFree(pool);
  };
  return { socket, pool, take, expectBooks };
}

type List = number[] & { reads: number };

/** Lengths whose element `at` is a getter, which does something first. */
function lengthsWith(lengths: number[], at: number, act: () => void): List {
  const list = Object.assign([...lengths], { reads: 0 });
  Object.defineProperty(list, at, {
    get: () => {
      list.reads++;
      act();
      return lengths[at];
    },
  });
  return list;
}

/** An array that counts how often each property is read. */
function counted<T extends object>(target: T) {
  const reads: Record<string, number> = {};
  const proxy = new Proxy(target, {
    get: (of, key, receiver) => {
      reads[String(key)] = (reads[String(key)] ?? 0) + 1;
      return Reflect.get(of, key, receiver);
    },
  });
  return { proxy, reads };
}

describe('sendMany() of an array', () => {
  it('that a getter of its options makes longer has too few of these', async () => {
    const { socket, take, expectBooks } = await setup();
    const buffers = take(1);
    const [more] = take(1) as [PooledBuffer];
    const options = {
      offset: [100],
      get tags() {
        buffers.push(more);
        return undefined;
      },
    };
    const error = thrownBy(() => socket.sendMany(buffers, 5, options));
    expectError(error, wrongType({ shown: 'options.offset' }));
    for (const buffer of buffers) buffer.release();
    await expectBooks(0, 0);
  });

  it('reads its length, each buffer and each length once', async () => {
    const { socket, take, expectBooks } = await setup();
    const buffers = counted(take(3));
    const lengths = counted([5, 6, 7]);
    expect(socket.sendMany(buffers.proxy, lengths.proxy)).toEqual({ first: 0, last: 2 });
    for (const { reads } of [buffers, lengths]) {
      expect(reads).toMatchObject({ length: 1, 0: 1, 1: 1, 2: 1 });
    }
    await expectBooks(3, 18);
  });

  it('sends what was in it when it was read: it may be shortened, emptied or filled anew', async () => {
    const { socket, take, expectBooks } = await setup();
    for (const [i, change] of [
      (list: PooledBuffer[]) => void list.splice(1),
      (list: PooledBuffer[]) => void list.splice(0),
      (list: PooledBuffer[]) => void list.fill(list[0] as PooledBuffer),
      (list: PooledBuffer[]) => void list.push(list[0] as PooledBuffer),
    ].entries()) {
      const list = take(2);
      const sent = socket.sendMany(
        list,
        lengthsWith([5, 6], 1, () => change(list)),
      );
      expect(sent).toEqual({ first: 2 * i, last: 2 * i + 1 });
    }
    await expectBooks(8, 44);
  });

  it('a buffer that a Proxy shows once is sent once, whatever it shows afterwards', async () => {
    const { socket, take, expectBooks } = await setup();
    const [a, b, c] = take(3) as [PooledBuffer, PooledBuffer, PooledBuffer];
    let reads = 0;
    const list = new Proxy([a, b], {
      get: (of, key, receiver) => (key === '0' && reads++ > 0 ? c : Reflect.get(of, key, receiver)),
    });
    socket.sendMany(list, 10);
    c.release();
    await expectBooks(2, 20);
  });

  it('a Proxy of numbers that lie together is read before anything is checked, too', async () => {
    const { socket, take, expectBooks } = await setup();
    const [a, b, c, d] = take(4) as [PooledBuffer, PooledBuffer, PooledBuffer, PooledBuffer];
    const lengths = new Proxy(Uint32Array.of(10, 11), {
      get: (of, key) => {
        if (key === '1') socket.sendMany([c, d], 20);
        return Reflect.get(of, key, of);
      },
    });
    expect(socket.sendMany([a, b], lengths)).toEqual({ first: 2, last: 3 });
    await expectBooks(4, 61);
  });

  it.each([
    ['sends others', 2, 40],
    ['sends the same', 1, 20],
  ])('a getter that %s has sent before', async (what, nested, bytes) => {
    const { socket, take, expectBooks } = await setup();
    const [a, b, c, d] = take(4) as PooledBuffer[];
    const mine = [a, b] as PooledBuffer[];
    const others = [c, d] as PooledBuffer[];
    const lengths = lengthsWith([10, 11], 1, () => {
      if (what === 'sends others') socket.sendMany(others, 20);
      else socket.send(b as PooledBuffer, 20);
    });
    if (what === 'sends others') {
      expect(socket.sendMany(mine, lengths)).toEqual({ first: 2, last: 3 });
      await expectBooks(nested + 2, bytes + 21);
    } else {
      expectError(
        thrownBy(() => socket.sendMany(mine, lengths)),
        coded(TypeError, 'BUFFER_IN_FLIGHT'),
      );
      for (const buffer of [a, ...others]) buffer?.release();
      await expectBooks(nested, bytes);
    }
  });

  it('a getter may release, poll, abort: what is wrong by then is refused, and takes no id', async () => {
    const { socket, take, pool, expectBooks } = await setup();
    const [a, b] = take(2) as [PooledBuffer, PooledBuffer];
    const released = lengthsWith([5, 5], 1, () => a.release());
    expectError(
      thrownBy(() => socket.sendMany([a, b], released)),
      coded(TypeError, 'BUFFER_FREE'),
    );
    const [c] = take(1) as [PooledBuffer];
    socket.sendMany(
      [b, c],
      lengthsWith([5, 5], 0, () => void socket.poll()),
    );
    await expectBooks(2, 10);
    const [d] = take(1) as [PooledBuffer];
    const closing = lengthsWith([5], 0, () => void socket.close());
    expectError(
      thrownBy(() => socket.sendMany([d], closing)),
      coded(Error, 'SOCKET_CLOSED'),
    );
    d.release();
    expectAllFree(pool);
  });

  it('takes holes, overridden iterators and lists without prototype for what they are', async () => {
    const { socket, take, expectBooks } = await setup();
    class Odd extends Array<PooledBuffer> {
      override *[Symbol.iterator](): ArrayIterator<PooledBuffer> {
        yield* [];
      }
      override slice(): PooledBuffer[] {
        return [];
      }
    }
    const [a, b] = take(2) as [PooledBuffer, PooledBuffer];
    const bare = Object.setPrototypeOf({ length: 2, 0: 5, 1: 6 }, null);
    const valued = [5, { valueOf: () => 6 }] as number[];
    const list = [a, b];
    for (const lengths of [
      Object.assign([5], { 2: 6 }),
      valued,
      Object.assign([5], { length: 2 }),
    ]) {
      const error = thrownBy(() => socket.sendMany(list, lengths as number[]));
      expectError(error, wrongType({ shown: '' }));
    }
    const holes = Object.assign([a], { 2: b });
    expectError(
      thrownBy(() => socket.sendMany(holes, 5)),
      wrongType({ shown: 'undefined' }),
    );
    const odd = Object.setPrototypeOf([a, b], Odd.prototype) as PooledBuffer[];
    expect(socket.sendMany(odd, bare)).toEqual({ first: 0, last: 1 });
    await expectBooks(2, 11);
  });

  it('takes no stand-in for a buffer, whose properties could change as well', async () => {
    const { socket, take, pool, expectBooks } = await setup();
    const [real] = take(1) as [PooledBuffer];
    for (const standIn of [new Proxy(real, {}), Object.create(real) as PooledBuffer]) {
      for (const send of [() => socket.send(standIn, 5), () => socket.sendMany([standIn], 5)]) {
        expectError(thrownBy(send), wrongType({ shown: 'PooledBuffer' }));
      }
    }
    expect(pool.acquired).toBe(1);
    socket.send(real, 5);
    await expectBooks(1, 5);
  });
});

describe('sendMany() of a run', () => {
  const runOf = (pool: { tryAcquireRun(most: number): BufferRun | null }, most: number) =>
    pool.tryAcquireRun(most) as BufferRun;

  it('reads each length once', async () => {
    const { socket, pool, expectBooks } = await setup();
    const lengths = counted([5, 6, 7]);
    socket.sendMany(runOf(pool, 3), lengths.proxy);
    expect(lengths.reads).toMatchObject({ length: 1, 0: 1, 1: 1, 2: 1 });
    await expectBooks(3, 18);
  });

  it('that a getter sends or releases is refused', async () => {
    const { socket, pool, expectBooks } = await setup();
    const sent = runOf(pool, 2);
    const sends = lengthsWith([5, 6], 0, () => void socket.sendMany(sent, 50));
    expectError(
      thrownBy(() => socket.sendMany(sent, sends)),
      coded(TypeError, 'BUFFER_IN_FLIGHT'),
    );
    await within(socket.flush(), 'flush()');
    const released = runOf(pool, 2);
    const releases = lengthsWith([5, 6], 1, () => released.release());
    expectError(
      thrownBy(() => socket.sendMany(released, releases)),
      coded(TypeError, 'BUFFER_FREE'),
    );
    await expectBooks(2, 100);
  });

  it('that a getter has made another one of is refused', async () => {
    const { socket, pool, expectBooks } = await setup();
    const run = runOf(pool, 2);
    const lengths = lengthsWith([5, 6], 1, () => {
      run.release();
      expect(runOf(pool, 3)).toBe(run);
    });
    expectError(
      thrownBy(() => socket.sendMany(run, lengths)),
      wrongType({ shown: '3 numbers' }),
    );
    run.release();
    await expectBooks(0, 0);
  });

  itInline.each([
    ['tags', { tags: ['a', 'b', 'c', 'd'] }],
    ['offset', { offset: [1, 2, 3, 4] }],
  ])('that a listener makes shorter within the call has too many %s', async (name, options) => {
    const { socket, pool, expectBooks } = await setup();
    const run = runOf(pool, 4);
    socket.once('complete', () => run.split(2).release());
    for (let i = 0; i < 14; i++) socket.send(Buffer.alloc(10)); // the call takes in that these are done
    const error = thrownBy(() => socket.sendMany(run, 5, options));
    expectError(error, wrongType({ shown: name }));
    expect(run.count).toBe(2);
    run.release();
    await expectBooks(14, 140);
  });

  it('a getter that sends something else has sent it before', async () => {
    const { socket, pool, take, expectBooks } = await setup();
    const run = runOf(pool, 2);
    const others = take(2);
    const lengths = lengthsWith([5, 6], 1, () => void socket.sendMany(others, [50, 60]));
    expect(socket.sendMany(run, lengths)).toEqual({ first: 2, last: 3 });
    await expectBooks(4, 121);
  });
});

describe('a plain array', () => {
  it.each([
    ['without prototype', (bytes: Uint8Array) => Object.setPrototypeOf(bytes, null)],
    [
      'with properties of its own',
      (bytes: Uint8Array) =>
        Object.defineProperties(bytes, {
          buffer: { value: new ArrayBuffer(9) },
          length: { value: 4096 },
          byteLength: { get: () => 4096 },
        }),
    ],
  ])('%s is judged by what it is', async (_, disguise) => {
    const { socket, expectBooks } = await setup();
    const of = (memory: ArrayBufferLike, length?: number): Uint8Array =>
      disguise(new Uint8Array(memory, 0, length));
    expect(socket.send(of(new ArrayBuffer(100)))).toBe(0);
    expect(thrownBy(() => socket.send(of(new ArrayBuffer(100)), 101))).toMatchObject({
      code: 'ERR_ZEROSEND_OUT_OF_RANGE',
    });
    type Sized = new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
    for (const Kind of [ArrayBuffer, SharedArrayBuffer] as unknown as Sized[]) {
      const resizable = of(new Kind(100, { maxByteLength: 200 }));
      expect(thrownBy(() => socket.send(resizable))).toMatchObject({
        code: 'ERR_ZEROSEND_BUFFER_RESIZABLE',
      });
    }
    const memory = new ArrayBuffer(100);
    const gone = of(memory);
    structuredClone(memory, { transfer: [memory] });
    expect(thrownBy(() => socket.send(gone))).toMatchObject({
      code: 'ERR_ZEROSEND_BUFFER_DETACHED',
    });
    await expectBooks(1, 100);
  });
});

describe('sendTo()', () => {
  it('reads address and port once, and a getter that sends elsewhere has done so before', async () => {
    const there = await startPeer({ protocol: 'udp', discard: true });
    const here = await startPeer({ protocol: 'udp', discard: true });
    const { socket } = await setup();
    const own = socket as UdpSocket;
    const to = { address: '127.0.0.1', port: here.port };
    own.sendTo(Buffer.alloc(10), 10, to);
    for (let i = 0; i < 3; i++) {
      let reads = 0;
      own.sendTo(Buffer.alloc(10), 10, {
        get address() {
          reads++;
          own.sendTo(Buffer.alloc(20), 20, { address: '127.0.0.1', port: there.port });
          return '127.0.0.1';
        },
        port: here.port,
      });
      expect(reads).toBe(1);
    }
    await within(own.flush(), 'flush()');
    await here.until(({ datagrams }) => datagrams === 4);
    await there.until(({ datagrams }) => datagrams === 3);
  });
});
