// `new` of what is made by other calls, as JavaScript without types lets one write it.
import { describe, expect, it } from 'vitest';
import {
  BufferPool,
  PacketSocket,
  TcpSocket,
  UdpSocket,
  XdpSocket,
  ZeroCopySocket,
} from 'zerosend';
import { openDescriptors } from './descriptors.js';

// biome-ignore lint/suspicious/noExplicitAny: what is wrong with the types is what is tested
type Anything = new (...given: any[]) => object;

const CLASSES: [string, unknown, string][] = [
  ['UdpSocket', UdpSocket, 'UdpSocket.open'],
  ['TcpSocket', TcpSocket, 'TcpSocket.connect'],
  ['PacketSocket', PacketSocket, 'PacketSocket.open'],
  ['XdpSocket', XdpSocket, 'XdpSocket.open'],
  ['ZeroCopySocket', ZeroCopySocket, 'UdpSocket.open, TcpSocket.connect'],
];

const pool = new BufferPool({ count: 1, hugePages: 'none' });
const GIVEN: [string, unknown[]][] = [
  ['nothing', []],
  ['options', [{ remote: { address: '127.0.0.1', port: 9 } }]],
  [
    'what looks as it does inside',
    [{ handle: 1, fd: 0, firstId: 0, zeroCopyErrno: 0 }, {}, 4, 9, 0],
  ],
  ['a protocol first', ['udp', { handle: 1, fd: 0, firstId: 0, zeroCopyErrno: 0 }, {}, {}]],
  ['a pool', [pool, 0, Buffer.alloc(1), {}, 1, null]],
];

describe.each(CLASSES)('new %s()', (_, made, instead) => {
  it.each(GIVEN)('says what to call: with %s', (_, given) => {
    const before = openDescriptors();
    const Extended = class extends (made as Anything) {};
    for (const Made of [made as Anything, Extended]) {
      let error: unknown;
      try {
        new Made(...given);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({
        code: 'ERR_ZEROSEND_ILLEGAL_CONSTRUCTOR',
        message: expect.stringContaining(instead),
      });
    }
    expect(openDescriptors()).toEqual(before);
  });
});
