import { describe, expect, it } from 'vitest';
import { UdpSocket } from 'zerosend';
import { families, loopback, overLoopback } from '../../support/endpoints.js';
import { byThread } from '../../support/submit.js';
import {
  coded,
  expectError,
  outOfRange,
  rejectionOf,
  thrownBy,
  wrongType,
} from './expectations.js';
import * as values from './values.js';
import { LENGTH, type Witness, witnesses } from './witness.js';

const MAX_IDS = Number.MAX_SAFE_INTEGER;
const anyLength = (value: unknown) => value as number;

describe.each(['TCP', 'UDP'] as const)('over %s', (protocol) => {
  it('send() takes a length from 1 to what the buffer has', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const pooled = witness.acquire();
    const plain = Buffer.alloc(1000);
    witness.refuses(() => socket.send(pooled), wrongType({ shown: 'undefined' }));
    for (const { value, shown } of values.NOT_A_NUMBER_TYPE) {
      for (const buffer of [pooled, plain]) {
        witness.refuses(() => socket.send(buffer, anyLength(value)), wrongType({ shown }));
      }
    }
    for (const buffer of [pooled, plain]) {
      const available = buffer === plain ? plain.length : pooled.bytes.length;
      for (const wrong of [...values.outside(1, available), { value: 0, shown: 'number 0' }]) {
        witness.refuses(() => socket.send(buffer, anyLength(wrong.value)), outOfRange(wrong));
      }
    }
    pooled.release();
    await witness.isSound();
  });

  it('sendMany() takes an array of 1 to 1024 buffers', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const buffer = witness.acquire();
    buffer.retain(2000);
    const send = (buffers: unknown, length: unknown = 5) => {
      return () => socket.sendMany(buffers as [], anyLength(length));
    };
    const lists = [...values.NOT_AN_OBJECT.filter(({ value }) => !Array.isArray(value)), undefined];
    for (const wrong of [...lists, { value: buffer, shown: 'PooledBuffer' }]) {
      witness.refuses(send(wrong?.value), wrongType(wrong ?? { shown: 'undefined' }));
    }
    for (const length of ['five', 5n, Number.NaN, {}]) {
      witness.refuses(send({ length, 0: buffer }), wrongType({ shown: '{' }));
    }
    witness.refuses(send([]), outOfRange({ shown: 'number 0' }));
    witness.refuses(send(Array(1025).fill(buffer)), outOfRange({ shown: 'number 1025' }));
    const holed = Object.assign([buffer], { length: 2 });
    witness.refuses(send(holed), wrongType({ shown: 'undefined' }));
    witness.refuses(send([buffer, null]), wrongType({ shown: 'buffers[1]' }));
    while (witness.pool.acquired > 0) buffer.release();
    await witness.isSound();
  });

  it('sendMany() takes a length for all, or one for each', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const buffers = [witness.acquire(), witness.acquire()];
    const send = (length: unknown) => () => socket.sendMany(buffers, anyLength(length));
    for (const wrong of values.NOT_A_NUMBER_TYPE.filter(({ value }) => !Array.isArray(value))) {
      witness.refuses(send(wrong.value), wrongType(wrong));
      witness.refuses(send([5, wrong.value]), wrongType(wrong));
    }
    const { bufferSize } = witness.pool;
    for (const wrong of [...values.outside(1, bufferSize), { value: 0, shown: 'number 0' }]) {
      witness.refuses(send(wrong.value), outOfRange(wrong));
      witness.refuses(send([5, wrong.value]), outOfRange(wrong));
      witness.refuses(send(Float64Array.of(5, wrong.value as number)), outOfRange(wrong));
    }
    witness.refuses(send([5]), wrongType({ shown: '[ 5 ]' }));
    witness.refuses(send([5, 6, 7]), wrongType({ shown: '[ 5, 6, 7 ]' }));
    witness.refuses(send('55'), wrongType({ shown: "'5'" }));
    witness.refuses(send([]), wrongType({ shown: '[]' }));
    for (const buffer of buffers) buffer.release();
    await witness.isSound();
  });

  it('goes on reaping by itself after calls that were refused', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    for (const wrong of [...values.NOT_AN_OBJECT, { value: { length: 'x' }, shown: 'x' }]) {
      if (Array.isArray(wrong.value)) continue;
      witness.refuses(() => socket.sendMany(wrong.value as [], 5), wrongType(wrong));
    }
    const bytes = Array.from({ length: 200 }, () => Buffer.alloc(LENGTH));
    for (const one of bytes) witness.content.fill(one);
    for (const one of bytes) socket.send(one); // without a turn of the event loop
    // docs/submission-thread.md, "when completions are read": the thread may have had no processor yet.
    if (!byThread) expect(socket.inFlight).toBeLessThan(200);
    witness.sent(200);
    await witness.isSound();
  });

  it('completed() takes an id that was given out, and options', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const completed = (id: unknown, options?: unknown) => () =>
      socket.completed(anyLength(id), options as object);
    await witness.rejects(completed(0), outOfRange({ shown: 'number 0' }));
    await witness.sendsOn();
    for (const wrong of [...values.NOT_A_NUMBER_TYPE, { value: undefined, shown: 'undefined' }]) {
      await witness.rejects(completed(wrong.value), wrongType(wrong));
    }
    for (const wrong of values.outside(0, socket.nextId - 1)) {
      await witness.rejects(completed(wrong.value), outOfRange(wrong));
    }
    for (const wrong of values.NOT_AN_OBJECT) {
      await witness.rejects(completed(0, wrong.value), wrongType(wrong));
    }
    await rejectsSignals(witness, (options) => socket.completed(0, options));
    await witness.rejects(completed(MAX_IDS), outOfRange({ shown: `number ${MAX_IDS}` }));
    await expect(socket.completed(0)).resolves.toBeUndefined();
    await witness.isSound();
  });

  it('flush() takes options', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    for (const wrong of values.NOT_AN_OBJECT) {
      await witness.rejects(() => socket.flush(wrong.value as object), wrongType(wrong));
    }
    await rejectsSignals(witness, (options) => socket.flush(options));
    await witness.isSound();
  });

  it('close() takes a timeout, and stays open otherwise', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const close = (options: unknown) => () => socket.close(options as object);
    for (const wrong of values.NOT_AN_OBJECT) witness.refuses(close(wrong.value), wrongType(wrong));
    for (const wrong of values.NOT_A_NUMBER_TYPE) {
      witness.refuses(close({ timeout: wrong.value }), wrongType(wrong));
    }
    for (const wrong of values.outside(0, 2 ** 31 - 1)) {
      witness.refuses(close({ timeout: wrong.value }), outOfRange(wrong));
    }
    await witness.isSound();
  });

  it('listeners are functions', async () => {
    const witness = await witnesses[protocol]();
    const on = () => witness.socket.on('complete', 5 as unknown as () => void);
    expect(on).toThrow(TypeError);
    await witness.isSound();
  });
});

async function rejectsSignals(
  witness: Witness,
  call: (options: { signal: AbortSignal }) => Promise<void>,
): Promise<void> {
  for (const wrong of values.NOT_A_SIGNAL) {
    await witness.rejects(() => call({ signal: wrong.value as AbortSignal }), wrongType(wrong));
  }
  const reason = new Error('mine');
  expect(await rejectionOf(() => call({ signal: AbortSignal.abort(reason) }))).toBe(reason);
}

describe('sendTo() takes', () => {
  const to = (address: unknown, port: unknown) =>
    ({ address, port }) as { address: string; port: number };

  it('an address and a port', async () => {
    const witness = await witnesses.UDP();
    const { socket } = witness;
    const buffer = witness.acquire();
    const send = (given: unknown) => () =>
      socket.sendTo(buffer, 100, given as ReturnType<typeof to>);
    for (const wrong of [...values.NOT_AN_OBJECT, { value: undefined, shown: 'undefined' }]) {
      witness.refuses(send(wrong.value), wrongType(wrong));
    }
    for (const wrong of [...values.NOT_A_NAME, { value: undefined, shown: 'undefined' }]) {
      witness.refuses(send(to(wrong.value, 9)), wrongType(wrong));
    }
    for (const wrong of [...values.NOT_A_NUMBER_TYPE, { value: undefined, shown: 'undefined' }]) {
      witness.refuses(send(to('127.0.0.1', wrong.value)), wrongType(wrong));
    }
    for (const wrong of [...values.outside(1, 65_535), { value: 0, shown: 'number 0' }]) {
      witness.refuses(send(to('127.0.0.1', wrong.value)), outOfRange(wrong));
    }
    buffer.release();
    await witness.isSound();
  });

  const notNumeric = {
    4: ['localhost', '::1', '::ffff:127.0.0.1', '127.1', '127.0.0.1 ', '127.0.0.256', 'fe80::1%lo'],
    6: ['localhost', '127.0.0.1', '::1 ', 'fe80::1%no-such-zone', 'fe80::1%', '::1%0', ':::', '1'],
  };
  for (const family of families) {
    it(`a numeric IPv${family} address`, overLoopback(family), async () => {
      const address = loopback(family);
      const own = await UdpSocket.open({ family, address });
      const socket = await UdpSocket.open({ family });
      const port = own.info().local?.port as number;
      const bytes = Buffer.alloc(9);
      for (const [i, wrong] of notNumeric[family].entries()) {
        const error = thrownBy(() => socket.sendTo(bytes, 9, { address: wrong, port }));
        expectError(error, coded(RangeError, 'INVALID_ADDRESS', `'${wrong}'`));
        // The address before the refused one is still known.
        expect(socket.sendTo(bytes, 9, { address, port })).toBe(i);
      }
      await Promise.all([socket.close(), own.close()]);
    });
  }

  it('the same lengths and buffers as send()', async () => {
    const witness = await witnesses.UDP();
    const { socket, peer } = witness;
    const buffer = witness.acquire();
    const there = { address: '127.0.0.1', port: peer.port };
    const send = (length: unknown) => () => socket.sendTo(buffer, anyLength(length), there);
    for (const wrong of [...values.NOT_A_NUMBER_TYPE, { value: undefined, shown: 'undefined' }]) {
      witness.refuses(send(wrong.value), wrongType(wrong));
    }
    for (const wrong of [...values.outside(1, 65_536), { value: 0, shown: 'number 0' }]) {
      witness.refuses(send(wrong.value), outOfRange(wrong));
    }
    buffer.release();
    await witness.isSound();
  });
});
