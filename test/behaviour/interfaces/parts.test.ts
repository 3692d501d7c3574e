import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BufferPool, PacketSocket, type SendPart, XdpSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { createRig, type Rig, startReceiver } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { within } from '../../support/deadline.js';
import { udpFrame } from '../../support/udp-frame.mjs';
import { addsUp, EXACT, failureOf, take } from './kinds.mjs';

const SEED = 7;
const HEADER = 42;
const JUMBO = { mtu: 9000, here: true };

describe('parts of one packet over a ring', await needsRig('veth', JUMBO), () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig('veth', JUMBO);
  });
  afterAll(() => rig?.dispose());

  /** A socket, and a receiver that checks every byte of what arrives. */
  async function open(kind: 'packet' | 'xdp') {
    const receiver = await startReceiver({
      protocol: 'udp',
      seed: SEED,
      gro: false,
      namespace: rig.receiver,
    });
    onTestFinished(() => receiver[Symbol.asyncDispose]());
    const options = { interface: rig.senderInterface.name, frames: 32 };
    const socket =
      kind === 'packet'
        ? await PacketSocket.open({ ...options, frameSize: 4096 - 32 })
        : await XdpSocket.open(options);
    onTestFinished(async () => {
      await socket.abort();
    });
    const packet = (sequence: number, length: number) =>
      udpFrame({ port: receiver.port, seed: SEED }, sequence, length);
    const arrive = async (datagrams: number) => {
      await within(socket.flush(), 'all to leave');
      const all = await receiver.until((now) => now.datagrams >= datagrams, { timeout: 5000 });
      expect(all).toMatchObject({ wrongBytes: 0, corrupt: 0, datagrams, drops: 0, duplicates: 0 });
    };
    return { socket, pool: socket.pool, ids: IdChecker.of(socket), packet, arrive, receiver };
  }

  it('of the transmit ring: a frame stays at its place, and what is around it is copied there', async () => {
    const { socket, pool, ids, packet, arrive } = await open('packet');
    for (let sequence = 0; sequence < 60; sequence++) {
      const bytes = packet(sequence, 400 + sequence);
      const frame = take(pool);
      frame.bytes.fill(0xee);
      bytes.copy(frame.bytes, HEADER, HEADER, 300);
      const id = socket.send(
        [
          bytes.subarray(0, 14),
          { buffer: Buffer.from(bytes), offset: 14, length: HEADER - 14 },
          { buffer: frame, offset: HEADER, length: 300 - HEADER },
          bytes.subarray(300),
        ],
        undefined,
        { tag: sequence },
      );
      expect(id).toBe(sequence);
      expect(addsUp(pool)).toBe(true);
    }
    await arrive(60);
    expect(socket.stats()).toMatchObject({ zerocopy: 60, inlined: 0 });
    expect(ids.result()).toMatchObject({ ids: 60, ...EXACT });
    expect(pool.free).toBe(pool.count);
  });

  it.each(['packet', 'xdp'] as const)(
    'of %s: without a frame, all are copied into one',
    async (kind) => {
      const { socket, pool, packet, arrive } = await open(kind);
      for (let sequence = 0; sequence < 3; sequence++) {
        const bytes = packet(sequence, 700);
        const cut = [0, 5, 42, 43, 700];
        const parts = cut.slice(1).map((end, i) => bytes.subarray(cut[i], end));
        socket.send(parts);
        bytes.fill(0xff); // it is a copy
      }
      await arrive(3);
      expect(socket.stats()).toMatchObject({ inlined: 3, sends: 3 });
      expect(pool.free).toBe(pool.count);
    },
  );

  it('of AF_XDP: frames from any offset, and copies in frames of their own, make one packet', async () => {
    const { socket, pool, ids, packet, arrive } = await open('xdp');
    for (let sequence = 0; sequence < 40; sequence++) {
      const bytes = packet(sequence, 3000);
      const [head, one, two] = [take(pool), take(pool), take(pool)];
      bytes.copy(head.bytes, 6, 0, HEADER);
      bytes.copy(one.bytes, 100, HEADER, 1500);
      bytes.copy(two.bytes, 0, 1500, 2900);
      const plain = sequence % 2 === 1;
      if (plain) head.release();
      const parts: SendPart[] = [
        plain ? bytes.subarray(0, HEADER) : { buffer: head, offset: 6, length: HEADER },
        { buffer: one, offset: 100, length: 1500 - HEADER },
        { buffer: two, length: 1400 },
        bytes.subarray(2900, 2950),
        bytes.subarray(2950),
      ];
      expect(socket.send(parts)).toBe(sequence);
      bytes.fill(0xff);
      expect(addsUp(pool)).toBe(true);
      if (sequence % 4 === 3) await within(socket.flush(), 'flush');
    }
    await arrive(40);
    expect(pool.free).toBe(pool.count);
    expect(ids.result()).toMatchObject({ ids: 40, ...EXACT });
  });

  it('of AF_XDP: one payload goes out with many headers, and is back with the last', async () => {
    const { socket, pool, packet, receiver } = await open('xdp');
    const bytes = packet(0, 1000);
    const payload = take(pool);
    bytes.copy(payload.bytes, 0, HEADER);
    payload.retain(9);
    for (let sent = 0; sent < 10; sent++) {
      socket.send([bytes.subarray(0, HEADER), payload], [undefined, 1000 - HEADER]);
    }
    expect([pool.acquired, pool.inFlight]).toEqual([0, 11]);
    await within(socket.flush(), 'flush');
    expect(pool.free).toBe(pool.count);
    const all = await receiver.until(({ datagrams }) => datagrams >= 10, { timeout: 5000 });
    expect(all).toMatchObject({ wrongBytes: 0, corrupt: 0, duplicates: 9 });
  });

  it.each(['packet', 'xdp'] as const)(
    'of %s: what cannot be is refused, and nothing is lost',
    async (kind) => {
      const { socket, pool, packet, arrive } = await open(kind);
      const { mine, other } = {
        mine: take(pool),
        other: new BufferPool({ bufferSize: 4096, count: 1 }),
      };
      const theirs = take(other);
      const bytes = new Uint8Array(60);
      const size = pool.bufferSize;
      const range = 'ERR_ZEROSEND_OUT_OF_RANGE';
      const cases: [SendPart[], string, number | undefined][] = [
        [[bytes, theirs], 'ERR_ZEROSEND_INVALID_ARGUMENT', 1],
        [[bytes, { buffer: theirs, length: 10 }], 'ERR_ZEROSEND_WRONG_POOL', 1],
        [[{ buffer: mine, length: size + 1 }], range, 0],
        [[{ buffer: mine, offset: size - 1, length: 2 }], range, 0],
        [[], range, undefined],
      ];
      if (kind === 'packet') {
        cases.push([[bytes, { buffer: mine, length: 10 }], range, 1]);
        cases.push([[{ buffer: mine, offset: 60, length: 10 }, bytes], range, 0]);
        cases.push([[new Uint8Array(size), bytes], 'ERR_ZEROSEND_FRAME_TOO_LONG', undefined]);
      } else {
        cases.push([
          [{ buffer: mine, length: 4 }, bytes],
          'ERR_ZEROSEND_FRAME_MALFORMED',
          undefined,
        ]);
        cases.push([[new Uint8Array(9100)], 'ERR_ZEROSEND_FRAME_TOO_LONG', undefined]);
        cases.push([
          [
            { buffer: mine, length: 60 },
            { buffer: mine, length: 60 },
          ],
          'ERR_ZEROSEND_BUFFER_IN_FLIGHT',
          undefined,
        ]);
      }
      for (const [parts, code, index] of cases) {
        const error = failureOf(() => socket.send(parts));
        expect([error?.code, error?.index]).toEqual([code, index]);
        expect([socket.nextId, pool.acquired, pool.inFlight]).toEqual([0, 1, 0]);
      }
      const frame = packet(0, 100);
      frame.copy(mine.bytes, HEADER, HEADER);
      if (kind === 'packet')
        socket.send([frame.subarray(0, HEADER), { buffer: mine, offset: HEADER, length: 58 }]);
      else socket.send([frame.subarray(0, HEADER), { buffer: mine, offset: HEADER, length: 58 }]);
      await arrive(1);
      expect(pool.free).toBe(pool.count);
      theirs.release();
    },
  );

  it('without room for copies is refused, and gives back what it has acquired', async () => {
    const { socket, pool, packet } = await open('xdp');
    const held = Array.from({ length: pool.count - 1 }, () => take(pool));
    const bytes = packet(0, 2100);
    const error = failureOf(() => socket.send([bytes]));
    expect(error?.code).toBe('ERR_ZEROSEND_QUEUE_FULL');
    expect([socket.nextId, pool.free]).toEqual([0, 1]);
    for (const buffer of held) buffer.release();
    expect(socket.send([bytes])).toBe(0);
    await within(socket.close(), 'close');
    expect(failureOf(() => socket.send([bytes]))?.code).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
  });
});
