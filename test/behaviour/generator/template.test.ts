import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PacketDescription, template } from 'zerosend/generator';
import { description } from './support/arbitrary.js';
import { finishOffload, parse } from './support/oracle.js';

const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const ipv6 = { source: '2001:2::1', destination: '2001:2::198.18.0.2' };
const udp = { source: 1024, destination: 9 };
const tcp = { source: 1024, destination: 9 };
const hex = (packet: PacketDescription) => template(packet).bytes.toString('hex');

describe('template', () => {
  it('makes an Ethernet frame with IPv4 and UDP, byte for byte', () => {
    // The words of the header add up to 0x248c, those of pseudo header and datagram to 0xf1b8.
    const bytes = hex({ ethernet, ipv4: { ...ipv4, ttl: 1, id: 0x1234 }, udp, payload: 'ab' });
    expect(bytes).toBe(
      [
        '020000000002020000000001',
        '0800',
        '4500001e123440000111db73c6120001c6120002',
        '04000009000a0e47',
        '6162',
      ].join(''),
    );
  });

  it('makes IPv6 and TCP with a tag and options, byte for byte', () => {
    const bytes = hex({
      ethernet,
      vlan: { id: 0x123, priority: 5 },
      ipv6: { ...ipv6, trafficClass: 0xab, flowLabel: 0x12345, hopLimit: 2 },
      tcp: {
        ...tcp,
        sequence: 0x01020304,
        acknowledgement: 0x05060708,
        flags: ['syn', 'ack', 'psh'],
        window: 0x1000,
        options: Uint8Array.of(2, 4, 5, 180),
      },
      payload: Uint8Array.of(1, 2, 3),
    });
    expect(bytes).toMatch(
      new RegExp(
        [
          '^020000000002020000000001',
          '8100a123',
          '86dd',
          '6ab12345001b0602200100020000000000000000000000012001000200000000',
          '00000000c6120002',
          '040000090102030405060708601a1000....0000020405b4',
          '010203$',
        ].join(''),
      ),
    );
  });

  it('makes two tags, the outer one of a service provider', () => {
    const bytes = hex({ ethernet, vlan: [{ id: 1 }, { id: 2, dropEligible: true }], ipv4, udp });
    expect(bytes.slice(24, 24 + 20)).toBe('88a8000181001002' + '0800');
  });

  it('has right lengths and checksums whatever the packet', () => {
    fc.assert(
      fc.property(description, (packet) => {
        const { bytes, offsets } = template(packet);
        const frame = packet.virtioNetHeader ? finishOffload(bytes) : bytes;
        const parsed = parse(frame, { bare: !packet.ethernet });
        expect(parsed.problems).toEqual([]);
        const start = packet.virtioNetHeader ? 10 : 0;
        expect(offsets.payload - start).toBe(parsed.payload);
        expect(Buffer.compare(frame.subarray(parsed.payload), packet.payload as Buffer)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('sends 0xffff where a UDP checksum comes to 0', () => {
    // Payload chosen so that the sum is 0xffff: with a payload of 0 the checksum is its complement.
    const zero = template({ ipv4, udp, payload: Uint8Array.of(0, 0) });
    const word = zero.bytes.readUInt16BE(26);
    const payload = Uint8Array.of(word >> 8, word & 0xff);
    expect(template({ ipv4, udp, payload }).bytes.readUInt16BE(26)).toBe(0xffff);
    const none = template({ ipv4, tcp, payload: Uint8Array.of(0, 0) });
    const tcpWord = none.bytes.readUInt16BE(36);
    const same = Uint8Array.of(tcpWord >> 8, tcpWord & 0xff);
    expect(template({ ipv4, tcp, payload: same }).bytes.readUInt16BE(36)).toBe(0);
  });

  it('leaves checksums alone that were given, or are not wanted', () => {
    const { bytes } = template({
      ipv4: { ...ipv4, checksum: 0x1234 },
      udp: { ...udp, checksum: 'none' },
    });
    expect(bytes.readUInt16BE(10)).toBe(0x1234);
    expect(bytes.readUInt16BE(26)).toBe(0);
  });

  it('fills up to a length, which counts without the offload header', () => {
    const frame = template({ ethernet, ipv4, udp, payload: 'x', length: 60 });
    expect(frame.length).toBe(60);
    expect(parse(frame.bytes).problems).toEqual([]);
    const offloaded = template({ ethernet, ipv4, udp, length: 60, virtioNetHeader: true });
    expect(offloaded.length).toBe(70);
  });

  it('describes offload as the kernel reads it', () => {
    const segmentSize = 1448;
    const packet = { ethernet, ipv4, tcp, length: 65_000 };
    const { bytes } = template({ ...packet, virtioNetHeader: { segmentSize } });
    // flags, type, header length, segment size, where the checksum begins and is: little-endian
    expect(bytes.subarray(0, 10).toString('hex')).toBe('01013600a80522001000');
    const v6 = template({ ethernet, ipv6, tcp, virtioNetHeader: { segmentSize: 1000 } });
    expect(v6.bytes.subarray(0, 10).toString('hex')).toBe('01044a00e80336001000');
    const datagrams = template({ ethernet, ipv4, udp, virtioNetHeader: { segmentSize: 100 } });
    expect(datagrams.bytes.subarray(0, 10).toString('hex')).toBe('01052a00640022000600');
    const plain = { ethernet: { ...ethernet, type: 0x88b5 }, payload: 'x' };
    const nothing = template({ ...plain, virtioNetHeader: true });
    expect(nothing.bytes.subarray(0, 10).toString('hex')).toBe('00'.repeat(10));
  });

  it('lays itself into a buffer that holds it', () => {
    const { init, bytes } = template({ payload: 'hello' });
    const buffer = Buffer.alloc(8, 0xee);
    init(buffer);
    expect(buffer.toString('latin1')).toBe('hello\xee\xee\xee');
    expect(() => init(bytes.subarray(1))).toThrow(
      expect.objectContaining({ code: 'ERR_ZEROSEND_FRAME_TOO_LONG' }),
    );
  });

  const TEMPLATE = 'ERR_ZEROSEND_TEMPLATE';
  const ARGUMENT = 'ERR_ZEROSEND_INVALID_ARGUMENT';
  const RANGE = 'ERR_ZEROSEND_OUT_OF_RANGE';
  const ADDRESS = 'ERR_ZEROSEND_INVALID_ADDRESS';
  it.each<[string, unknown, string]>([
    ['nothing', {}, TEMPLATE],
    ['no object', 3, ARGUMENT],
    ['a misspelt key', { payload: 'x', vlans: [] }, ARGUMENT],
    ['a misspelt key inside', { ipv4: { ...ipv4, tos: 1 }, udp }, ARGUMENT],
    ['two families', { ipv4, ipv6, udp }, TEMPLATE],
    ['two transports', { ipv4, udp, tcp }, TEMPLATE],
    ['UDP without IP', { ethernet, udp }, TEMPLATE],
    ['a tag without Ethernet', { vlan: { id: 1 }, ipv4, udp }, TEMPLATE],
    ['no EtherType', { ethernet, payload: 'x' }, TEMPLATE],
    ['no protocol', { ipv4, payload: 'x' }, TEMPLATE],
    ['no next header', { ipv6, payload: 'x' }, TEMPLATE],
    ['no checksum over IPv6', { ipv6, udp: { ...udp, checksum: 'none' } }, TEMPLATE],
    ['a length that is too short', { ipv4, udp, payload: 'x', length: 28 }, TEMPLATE],
    ['a packet beyond 16 bits', { ipv4, udp, length: 65_536 }, TEMPLATE],
    [
      'segments without a checksum',
      {
        ipv4,
        tcp,
        virtioNetHeader: { checksum: false, segmentSize: 1 },
      },
      TEMPLATE,
    ],
    [
      'offload without a transport',
      { payload: 'x', virtioNetHeader: { checksum: true } },
      TEMPLATE,
    ],
    ['a port', { ipv4, udp: { source: 65_536, destination: 1 } }, RANGE],
    ['a port as text', { ipv4, udp: { source: '1', destination: 1 } }, ARGUMENT],
    ['a tag', { ethernet, vlan: { id: 4096 }, ipv4, udp }, RANGE],
    ['a TTL', { ipv4: { ...ipv4, ttl: 256 }, udp }, RANGE],
    ['options of 3 bytes', { ipv4: { ...ipv4, options: new Uint8Array(3) }, udp }, RANGE],
    ['a flag', { ipv4, tcp: { ...tcp, flags: ['toString'] } }, RANGE],
    [
      'an Ethernet address',
      { ethernet: { ...ethernet, source: '2:0:0:0:0:1' }, ipv4, udp },
      ADDRESS,
    ],
    ['an IPv4 address', { ipv4: { ...ipv4, source: '198.18.0.256' }, udp }, ADDRESS],
    ['an IPv6 address with a zone', { ipv6: { ...ipv6, source: 'fe80::1%lo' }, udp }, ADDRESS],
    ['an address of the other family', { ipv6: { ...ipv6, source: '198.18.0.1' }, udp }, ADDRESS],
    ['a payload', { payload: [1, 2] }, ARGUMENT],
  ])('refuses %s', (_, packet, code) => {
    expect(() => template(packet as PacketDescription)).toThrow(expect.objectContaining({ code }));
  });
});
