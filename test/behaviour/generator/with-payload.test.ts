import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UdpSocket } from 'zerosend';
import {
  compile,
  crc32c,
  type Field,
  internetChecksum,
  type Layer,
  own,
  type PacketDescription,
  pseudoHeaderSum,
  template,
  withPayload,
} from 'zerosend/generator';
import { coded, expectError, outOfRange, thrownBy, wrongType } from '../input/expectations.js';
import { description, fieldsOf } from './support/arbitrary.js';
import { stack } from './support/layer-stacks.js';
import { parse } from './support/oracle.js';

const FILL = 0xa5; // what buffers held before
const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });

/** Packet `number` of the template that was compiled for this payload alone. */
function alone(packet: PacketDescription, payload: Uint8Array, fields: Field[], first: number) {
  const packets = compile(template({ ...packet, payload }), fields, { first });
  const bytes = Buffer.alloc(packets.length);
  packets.init(bytes);
  packets.stamp(bytes);
  return bytes;
}

describe('withPayload()', () => {
  it('writes what a template compiled for each payload writes, whatever the layers', () => {
    const buffer = Buffer.alloc(4096);
    fc.assert(
      fc.property(stack, payloads, fc.nat(64), ({ layers }, each, base) => {
        const packets = withPayload(template({ layers, payload: 'not looked at' }));
        for (const payload of each) {
          buffer.fill(FILL);
          const length = packets.write(buffer, payload, base);
          const { bytes } = template({ layers, payload });
          expect(buffer.toString('hex', base, base + length)).toBe(bytes.toString('hex'));
          expect(buffer[base + length]).toBe(FILL);
          expect(base === 0 || buffer[base - 1] === FILL).toBe(true);
        }
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  it('counts fields of headers on, over packets of all lengths', () => {
    const buffer = Buffer.alloc(4096);
    const given = description
      .filter(({ length, ipv4, ipv6 }) => length === undefined && (ipv4 ?? ipv6) !== undefined)
      .chain((packet) => fc.tuple(fc.constant(packet), fieldsOf(packet)));
    fc.assert(
      fc.property(given, payloads, ([packet, all], each) => {
        const fields = all.filter(({ target }) => typeof target === 'string');
        const packets = withPayload(template(packet), fields);
        for (const [i, payload] of each.entries()) {
          buffer.fill(FILL);
          if (fields.length > 0) expect(packets.next).toBe(i);
          const length = packets.write(buffer, payload);
          const wanted = alone(packet, payload, fields, i);
          expect(buffer.toString('hex', 0, length)).toBe(wanted.toString('hex'));
        }
      }),
      { numRuns: 200, seed: 6 },
    );
  });

  it('keeps what the template was given, right or wrong, and the offload header', () => {
    const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
    const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
    for (const packet of [
      { ethernet, ipv4, udp: { source: 1, destination: 2, checksum: 'none' as const } },
      { ethernet, ipv4, udp: { source: 1, destination: 2, length: 9, checksum: 7 } },
      { ethernet, ipv4: { ...ipv4, totalLength: 33 }, tcp: { source: 1, destination: 2 } },
      { ethernet, ipv4, tcp: { source: 1, destination: 2 }, virtioNetHeader: true },
      {
        ...{ ethernet, ipv4, tcp: { source: 1, destination: 2 } },
        virtioNetHeader: { segmentSize: 100 },
      },
      { payload: 'nothing but that' },
    ]) {
      const packets = withPayload(template(packet as PacketDescription));
      for (const payload of [Buffer.from('odd'), Buffer.alloc(1000, 'long'), Buffer.alloc(1)]) {
        const bytes = Buffer.alloc(2000, FILL);
        const length = packets.write(bytes, payload);
        const wanted = template({ ...(packet as PacketDescription), payload }).bytes;
        expect(bytes.toString('hex', 0, length)).toBe(wanted.toString('hex'));
      }
    }
  });

  it('leaves a field the bits that it has beside a length', () => {
    const fields = {
      flag: { at: 0, width: 2, bits: 4, shift: 12, default: 0 },
      length: { at: 0, width: 2, bits: 12, default: ({ content }: Layer) => content },
    };
    const layers = [own({ name: 'short', size: 2, fields })];
    const counter = { target: 'short.flag', counter: { start: 1 } } as unknown as Field;
    const packets = withPayload(template({ layers, payload: 'not looked at' }), [counter]);
    const bytes = Buffer.alloc(400);
    const headers = [10, 300, 10].map((length) => {
      packets.write(bytes, Buffer.alloc(length));
      return bytes.readUInt16BE(0);
    });
    expect(headers).toEqual([0x100a, 0x212c, 0x300a]);
  });

  it('datagrams of a socket are nothing but their payloads', async () => {
    const receiver = createSocket('udp4').bind(0, '127.0.0.1');
    onTestFinished(() => void receiver.close());
    await once(receiver, 'listening');
    const remote = { address: '127.0.0.1', port: receiver.address().port };
    const socket = await UdpSocket.open({ remote });
    const packets = withPayload(template({ payload: 'x' }));
    const bytes = Buffer.alloc(100);
    socket.send(bytes, packets.write(bytes, Buffer.from('an answer')));
    expect(String((await once(receiver, 'message'))[0])).toBe('an answer');
    await socket.close();
  });

  it('refuses what it cannot write, and no field moves on', () => {
    const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
    const plain = template({ ipv4, udp: { source: 1, destination: 2 }, payload: 'some bytes' });
    const packets = withPayload(plain, [{ target: 'ipv4.id', counter: {} }]);
    const bytes = Buffer.alloc(100, FILL);
    const write = (payload: unknown, into: unknown = bytes, base?: unknown) =>
      thrownBy(() => packets.write(into as Buffer, payload as Buffer, base as number));
    for (const wrong of ['text', null, undefined, [1], {}])
      expectError(write(wrong), wrongType({}));
    expectError(write(bytes, 'text'), wrongType({}));
    for (const base of [-1, 101, 0.5]) expectError(write(bytes, bytes, base), outOfRange({}));
    const long = coded(RangeError, 'FRAME_TOO_LONG');
    expectError(write(Buffer.alloc(73)), long);
    expectError(write(Buffer.alloc(1), bytes, 72), long);
    expectError(write(Buffer.alloc(65_508), Buffer.alloc(70_000)), coded(RangeError, 'TEMPLATE'));
    expect(packets.next).toBe(0);
    expect(bytes.every((byte) => byte === FILL)).toBe(true);
    for (const field of [
      { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} },
      { target: 'length', list: [60, 64] },
      { target: 'payload.length', list: [60, 64] },
      { target: 'payload', list: ['a', 'b'] },
      { target: { layer: 'udp', offset: 8, width: 2 }, counter: {} },
      { targets: [{ layer: 'payload', offset: 0, width: 2 }], list: [[1], [2]] },
      { target: 'ipv4.id', checksum: { kind: 'internet', layer: 'payload' } },
    ]) {
      expectError(
        thrownBy(() => withPayload(plain, [field as unknown as Field])),
        coded(RangeError, 'FIELD'),
      );
    }
    expectError(
      thrownBy(() => withPayload({} as never)),
      wrongType({}),
    );
  });
});

describe('checksums for packets of one’s own', () => {
  it('are those of the standards', () => {
    const example = Buffer.from('0001f203f4f5f6f7', 'hex'); // RFC 1071, section 3
    expect(internetChecksum(example)).toBe(0x220d);
    expect(internetChecksum(Buffer.concat([example, Buffer.from('220d', 'hex')]))).toBe(0);
    expect(internetChecksum(Buffer.from([1]))).toBe(0xfeff);
    expect(internetChecksum(new Uint8Array(0))).toBe(0xffff);
    expect(internetChecksum(example, 2, 4, 0xffff)).toBe(0x0dfc);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283); // RFC 3720, B.4
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a91_36aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8_ab43);
    expect(crc32c(Buffer.from('x123456789x'), 1, 10)).toBe(0xe306_9283);
  });

  it('make datagrams of both families that others find right', () => {
    const content = fc.tuple(fc.uint8Array({ maxLength: 900 }), fc.boolean());
    fc.assert(
      fc.property(content, ([payload, v6]) => {
        const ends = v6
          ? { source: '2001:2::1', destination: '2001:2::ffff:9' }
          : { source: '198.18.255.1', destination: '198.18.0.2' };
        const udp = { source: 65_535, destination: 9 };
        const packet = v6 ? { ipv6: ends, udp, payload } : { ipv4: ends, udp, payload };
        const { bytes, offsets } = template(packet as PacketDescription);
        const mine = Buffer.from(bytes).fill(0, offsets.udp + 6, offsets.udp + 8);
        const length = mine.length - offsets.udp;
        const sum = pseudoHeaderSum({ ...ends, protocol: 17, length });
        const checksum = internetChecksum(mine, offsets.udp, mine.length, sum) || 0xffff;
        mine.writeUInt16BE(checksum, offsets.udp + 6);
        expect(parse(mine, { bare: true }).problems).toEqual([]);
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it('refuse what they cannot sum', () => {
    const bytes = new Uint8Array(8);
    for (const sum of [internetChecksum, crc32c]) {
      for (const wrong of ['text', null, [1, 2], new Uint16Array(4)]) {
        expectError(
          thrownBy(() => sum(wrong as never)),
          wrongType({}),
        );
      }
      for (const [start, end] of [
        [-1, 8],
        [0, 9],
        [5, 4],
        [0.5, 8],
      ]) {
        expectError(
          thrownBy(() => sum(bytes, start, end)),
          outOfRange({}),
        );
      }
    }
    expectError(
      thrownBy(() => internetChecksum(bytes, 0, 8, -1)),
      outOfRange({}),
    );
    const header = { source: '198.18.0.1', destination: '198.18.0.2', protocol: 17, length: 8 };
    const sumOf = (change: object) => thrownBy(() => pseudoHeaderSum({ ...header, ...change }));
    expectError(sumOf({ destination: '2001:2::1' }), coded(RangeError, 'INVALID_ADDRESS'));
    expectError(sumOf({ source: 'localhost' }), coded(RangeError, 'INVALID_ADDRESS'));
    expectError(sumOf({ protocol: 256 }), outOfRange({}));
    expectError(sumOf({ length: -1 }), outOfRange({}));
    expectError(sumOf({ lenght: 1 }), wrongType({}));
  });
});
