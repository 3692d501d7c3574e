import { describe, expect, it } from 'vitest';
import { readEndpoint } from '../../../lib/cli/send/addresses.js';
import { readField } from '../../../lib/cli/send/fields.js';

describe('--field', () => {
  const target = 'udp.source';

  it.each<[string, object]>([
    ['udp.source=5', { list: [5] }],
    ['udp.source=0x1f', { list: [31] }],
    ['udp.source=53,123,443', { list: [53, 123, 443] }],
    ['udp.source=1024..65535', { counter: { start: 1024, step: 1, count: 64_512 } }],
    ['udp.source=9..0', { counter: { start: 9, step: -1, count: 10 } }],
    ['udp.source=0..100..10', { counter: { start: 0, step: 10, count: 11 } }],
    ['udp.source=0..99..10', { counter: { start: 0, step: 10, count: 10 } }],
    ['udp.source=7..', { counter: { start: 7, step: 1 } }],
    ['udp.source=7....2', { counter: { start: 7, step: 2 } }],
    ['udp.source=counter', { counter: {} }],
    ['udp.source=random', { random: {} }],
    ['udp.source=random:5..9', { random: { min: 5, max: 9 } }],
    ['udp.source=time', { timestamp: {} }],
    ['udp.source=time:us:monotonic', { timestamp: { unit: 'us', clock: 'monotonic' } }],
    ['udp.source=18446744073709551615', { list: [2n ** 64n - 1n] }],
    ['udp.source=53*7,123,443*2', { list: [53, 123, 443], weights: [7, 1, 2] }],
    ['udp.source=random:53,123*3', { list: [53, 123], weights: [1, 3], order: 'random' }],
    ['udp.source=random:5..90..10', { random: { min: 5, max: 90, step: 10 } }],
  ])('%s', (text, values) => {
    expect(readField(text)).toEqual({ target, ...values });
  });

  it.each<[string, object]>([
    [
      'ipv4.source=198.18.0.1..198.18.1.0',
      { target: 'ipv4.source', counter: { start: '198.18.0.1', step: 1, count: 256 } },
    ],
    [
      'ipv6.source=2001:2::fe..2001:2::101',
      { target: 'ipv6.source', counter: { start: '2001:2::fe', step: 1, count: 4 } },
    ],
    [
      'ethernet.source=02:00:00:00:00:ff..02:00:00:00:01:00',
      { target: 'ethernet.source', counter: { start: '02:00:00:00:00:ff', step: 1, count: 2 } },
    ],
    [
      'ipv6.source=random:2001:2::1..2001:2::9',
      { target: 'ipv6.source', random: { min: '2001:2::1', max: '2001:2::9' } },
    ],
    ['ipv4[1]@4:2=7', { target: { layer: 'ipv4[1]', offset: 4, width: 2 }, list: [7] }],
    ['ipv4[1].source=1.2.3.4', { target: 'ipv4[1].source', list: ['1.2.3.4'] }],
    ['ipv4.source=10.0.0.0/8', { target: 'ipv4.source', counter: { prefix: '10.0.0.0/8' } }],
    [
      'ipv6.source=random:2001:2::/48:/64',
      { target: 'ipv6.source', random: { prefix: '2001:2::/48', step: '/64' } },
    ],
    [
      'payload@4:8le=1',
      { target: { layer: 'payload', offset: 4, width: 8, littleEndian: true }, list: [1] },
    ],
    ['length=imix', { target: 'length', list: 'imix' }],
    ['length=random:imix', { target: 'length', list: 'imix', order: 'random' }],
    ['length=64..1514..50', { target: 'length', counter: { start: 64, step: 50, count: 30 } }],
    ['payload.length=64*2,9', { target: 'payload.length', list: [64, 9], weights: [2, 1] }],
    ['payload=one,two*3', { target: 'payload', list: ['one', 'two'], as: 'text', weights: [1, 3] }],
    ['payload=hex:00,ff', { target: 'payload', list: ['00', 'ff'], as: 'hex' }],
    ['payload=random:dns:@a:b', { target: 'payload', file: 'a:b', as: 'dns', order: 'random' }],
    ['payload=records:@f', { target: 'payload', records: 'f' }],
    [
      'ipv4.source+payload@0:2=1.2.3.4+5*2,6.7.8.9+0x10',
      {
        targets: ['ipv4.source', { layer: 'payload', offset: 0, width: 2 }],
        list: [
          ['1.2.3.4', 5],
          ['6.7.8.9', 16],
        ],
        weights: [2, 1],
      },
    ],
    [
      'payload@0:4=crc32:payload@4:60',
      {
        target: { layer: 'payload', offset: 0, width: 4 },
        checksum: { kind: 'crc32', layer: 'payload', offset: 4, length: 60 },
      },
    ],
    [
      'payload@0:2=internet:ipv4[1]',
      {
        target: { layer: 'payload', offset: 0, width: 2 },
        checksum: { kind: 'internet', layer: 'ipv4[1]' },
      },
    ],
    ['payload@4:8=counter', { target: { layer: 'payload', offset: 4, width: 8 }, counter: {} }],
  ])('%s', (text, field) => {
    expect(readField(text)).toEqual(field);
  });

  it.each([
    ['udp.source', /TARGET=VALUES/],
    ['=5', /TARGET=VALUES/],
    ['udp.source=', /TARGET=VALUES/],
    ['udp.source=many', /'many' is neither/],
    ['udp.source=-1', /'-1' is neither/],
    ['udp.source=1..x', /'x' is neither/],
    ['udp.source=..5', /ranges such as/],
    ['udp.source=1..2..3..4', /ranges such as/],
    ['udp.source=1..9..0', /steps/],
    ['udp.source=random:5', /'random:1024\.\.65535'/],
    ['udp.source=time:fast', /'time:us'/],
    ['udp.source=random:', /'random:1024\.\.65535'/],
    ['udp.source=random:1..9..0', /steps/],
    ['length=imix*2', /'imix' is neither/],
    ['ipv4.source=10.0.0.0/x', /prefixes such as/],
    ['ipv4.source=10.0.0.0/8:24', /prefixes such as/],
    ['payload=records:x', /records:@FILE/],
    ['payload@0:4=crc32', /crc32:payload@4:60/],
    ['payload@0:4=crc32:payload@x', /crc32:payload@4:60/],
  ])('refuses %s', (text, message) => {
    expect(() => readField(text)).toThrow(message);
  });
});

describe('DESTINATION', () => {
  it.each<[string, string, number | undefined]>([
    ['198.18.0.2', '198.18.0.2', undefined],
    ['198.18.0.2:9', '198.18.0.2', 9],
    ['host.example:80', 'host.example', 80],
    ['2001:2::2', '2001:2::2', undefined],
    ['[2001:2::2]', '2001:2::2', undefined],
    ['[2001:2::2]:9', '2001:2::2', 9],
  ])('%s', (text, address, port) => {
    expect(readEndpoint(text)).toEqual({ address, port });
  });

  it.each(['', ':9', 'a:b', 'a:65536', 'a:-1', 'a:1:2', '[::1]9'])('refuses %j', (text) => {
    expect(() => readEndpoint(text)).toThrow(/HOST:PORT/);
  });
});
