import { describe, expect, it } from 'vitest';
import { TcpSocket, UdpSocket } from 'zerosend';
import { openDescriptors } from './descriptors.js';
import {
  coded,
  type Expected,
  expectError,
  outOfRange,
  rejectionOf,
  wrongType,
} from './expectations.js';
import type { Wrong } from './values.js';
import * as values from './values.js';

const TARGET = { host: '127.0.0.1', port: 9 };

/** Both ways to a socket, with what each needs. */
const OPENERS = {
  'TcpSocket.connect': (options: object) =>
    TcpSocket.connect({ ...TARGET, ...options } as typeof TARGET),
  'UdpSocket.open': (options: object) => UdpSocket.open(options),
} as const;

/** Rejects, with that error, and leaves no descriptor open. */
async function rejects(open: () => Promise<unknown>, expected: Expected): Promise<void> {
  const before = openDescriptors();
  expectError(await rejectionOf(open), expected);
  expect(openDescriptors()).toEqual(before);
}

async function rejectsEach(
  wrongs: readonly Wrong[],
  open: (value: unknown) => Promise<unknown>,
  expected: (wrong: Wrong) => Expected,
): Promise<void> {
  for (const wrong of wrongs) await rejects(() => open(wrong.value), expected(wrong));
}

describe.each(Object.entries(OPENERS))('%s', (_, open) => {
  it('takes zeroCopy, one of three words', async () => {
    await rejectsEach(values.NOT_A_CHOICE, (zeroCopy) => open({ zeroCopy }), wrongType);
  });

  it('takes timestamps, one of two words', async () => {
    await rejectsEach(values.NOT_A_CHOICE, (timestamps) => open({ timestamps }), wrongType);
  });

  it.each([
    ['zeroCopyThreshold', 0, 2 ** 32 - 1],
    ['maxQueuedSends', 1, 2 ** 20],
    ['sendBufferSize', 1024, 2 ** 30],
    ['maxPacingRate', 1, 1e12],
  ])('takes %s, a whole number from %i to %i', async (name, min, max) => {
    const given = (value: unknown) => open({ [name]: value });
    await rejectsEach(values.NOT_A_NUMBER_TYPE, given, wrongType);
    await rejectsEach(values.outside(min, max), given, outOfRange);
  });

  it('takes interface, the name of one', async () => {
    const given = (name: unknown) => open({ interface: name });
    await rejectsEach(values.NOT_A_NAME, given, wrongType);
    for (const long of ['sixteen-letters!', 'ä'.repeat(8), 'x'.repeat(1000)]) {
      await rejects(() => given(long), outOfRange({ shown: `string '${long.slice(0, 60)}` }));
    }
    for (const absent of ['no-such-one', '..', ' ', 'ä'.repeat(7)]) {
      await rejects(
        () => given(absent),
        coded(Error, 'ENODEV', `SO_BINDTODEVICE) ENODEV ${absent}`),
      );
    }
    expect(await rejectionOf(() => given('no-such-one'))).toMatchObject({
      syscall: 'setsockopt(SO_BINDTODEVICE)',
      interface: 'no-such-one',
      errno: expect.any(Number),
    });
  });
});

describe('TcpSocket.connect', () => {
  const connect = (options: unknown) => TcpSocket.connect(options as typeof TARGET);

  it('takes options', async () => {
    const wrongs = [...values.NOT_AN_OBJECT, { value: undefined, shown: 'undefined' }];
    await rejectsEach(wrongs, connect, wrongType);
  });

  it('takes a host and a port', async () => {
    const absent = { value: undefined, shown: 'undefined' };
    const host = (value: unknown) => connect({ ...TARGET, host: value });
    await rejectsEach([...values.NOT_A_NAME, absent], host, wrongType);
    const port = (value: unknown) => connect({ ...TARGET, port: value });
    await rejectsEach([...values.NOT_A_NUMBER_TYPE, absent], port, wrongType);
    await rejectsEach([...values.outside(1, 65_535)], port, outOfRange);
    await rejects(() => port(0), outOfRange({ shown: 'number 0' }));
  });

  it('takes a signal', async () => {
    await rejectsEach(values.NOT_A_SIGNAL, (signal) => connect({ ...TARGET, signal }), wrongType);
    const reason = new Error('mine');
    const signal = AbortSignal.abort(reason);
    expect(await rejectionOf(() => connect({ ...TARGET, signal }))).toBe(reason);
  });
});

describe('UdpSocket.open', () => {
  const open = (options: unknown) => UdpSocket.open(options as object);

  it('takes options, or none', async () => {
    await rejectsEach(values.NOT_AN_OBJECT, open, wrongType);
  });

  it('takes a family', async () => {
    const given = (family: unknown) => open({ family });
    await rejectsEach(values.NOT_A_NUMBER_TYPE, given, wrongType);
    for (const family of [0, 5, -4, 4.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await rejects(() => given(family), outOfRange({ shown: `number ${family}` }));
    }
  });

  it('takes a local address and port', async () => {
    await rejectsEach(values.NOT_A_NAME, (address) => open({ address }), wrongType);
    await rejectsEach(values.NOT_A_NUMBER_TYPE, (port) => open({ port }), wrongType);
    await rejectsEach(values.outside(0, 65_535), (port) => open({ port }), outOfRange);
  });

  it('takes a remote address and port', async () => {
    await rejectsEach(values.NOT_AN_OBJECT, (remote) => open({ remote }), wrongType);
    const address = (value: unknown) => open({ remote: { address: value, port: 9 } });
    await rejectsEach(values.NOT_A_NAME, address, wrongType);
    const port = (value: unknown) => open({ remote: { address: '127.0.0.1', port: value } });
    const absent = { value: undefined, shown: 'undefined' };
    await rejectsEach([...values.NOT_A_NUMBER_TYPE, absent], port, wrongType);
    await rejectsEach(values.outside(1, 65_535), port, outOfRange);
    await rejects(() => port(0), outOfRange({ shown: 'number 0' }));
    await rejects(() => open({ remote: {} }), wrongType({ shown: 'undefined' }));
  });

  it('takes a segmentSize', async () => {
    const given = (segmentSize: unknown) => open({ segmentSize });
    await rejectsEach(values.NOT_A_NUMBER_TYPE, given, wrongType);
    await rejectsEach(values.outside(1, 65_507), given, outOfRange);
    await rejects(() => given(0), outOfRange({ shown: 'number 0' }));
  });
});
