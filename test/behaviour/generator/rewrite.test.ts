import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type Rewrite, template } from 'zerosend/generator';
import { parse } from './support/oracle.js';
import { stack } from './support/stack-frames.js';
import { Dice, type Stack } from './support/stacks.js';
import { ETHERNET } from './support/wire.js';

// Much to compute, or many programs to run: beside other load that takes its time.
vi.setConfig({ testTimeout: 180_000 });

const { Rewriter } = await import('../../../lib/generator/replay/rewrite.js');
const { sendable } = await import('./support/sendable.js');

const ANYWHERE = { kind: 'frame', maxLength: 1e6, mtu: 1e6, virtioNetHeader: false } as const;

/** What would be sent of a frame. */
function rewritten(
  frame: Uint8Array,
  rewrite: Rewrite,
  wireLength = frame.length,
  snapped: 'send' | 'pad' = 'send',
) {
  const bytes = Uint8Array.from(frame);
  const frames = [{ bytes, originalLength: wireLength, time: 0n, linkType: 1, offset: 0 }];
  const capture = { format: 'pcap', frames, snapped: 0, skippedBlocks: 0, problem: null } as const;
  const made = sendable({ ...capture }, new Rewriter(rewrite), { ...ANYWHERE, snapped });
  return { ...made, frame: Buffer.from(made.ready[0]?.bytes ?? []) };
}

interface Rule {
  family: 4 | 6;
  length: number;
  from: bigint;
  to: bigint;
}

const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

function text(family: 4 | 6, address: bigint): string {
  if (family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn)).join('.');
  }
  const hex = address.toString(16).padStart(32, '0');
  return (hex.match(/..../g) as string[]).join(':');
}

/** Rules that most addresses fall under, and ports that the frames have. */
function rewriteOf(dice: Dice): { rules: Rule[]; ports: Map<number, number> } {
  const rule = (family: 4 | 6): Rule => {
    const bits = family === 4 ? 32 : 128;
    const address = () => numberOf(dice.bytes(bits / 8));
    return { family, length: dice.of(0, 0, 1, 3, 8, 17, bits), from: address(), to: address() };
  };
  const rules = ([4, 4, 6, 6] as const).map(rule).filter(() => !dice.odds(8));
  const ports = new Map(Array.from({ length: dice.upTo(4) }, () => [dice.word(), dice.word()]));
  return { rules, ports };
}

function optionsOf({ rules, ports }: ReturnType<typeof rewriteOf>, checksums: boolean): Rewrite {
  const entry = ({ family, length, from, to }: Rule) => [
    `${text(family, from)}/${length}`,
    `${text(family, to)}/${length}`,
  ];
  const addresses = Object.fromEntries(rules.map(entry));
  return { addresses, ports: Object.fromEntries(ports), checksums };
}

/** A later rule with the text of an earlier one takes its place, as in any object. */
function mapped(rules: Rule[], family: 4 | 6, address: bigint): bigint {
  const own = rules.filter((rule) => rule.family === family);
  const host = ({ length }: Rule) => BigInt((family === 4 ? 32 : 128) - length);
  const rule = own.find((each) => address >> host(each) === each.from >> host(each));
  if (rule === undefined) return address;
  const same = ({ from, length }: Rule) => from === rule.from && length === rule.length;
  const { to } = own.filter(same).at(-1) as Rule;
  const bits = host(rule);
  return ((to >> bits) << bits) | (address & ((1n << bits) - 1n));
}

/** The frame as it has to be, but for its checksums. */
function expected(
  { frame, family, addresses, ports }: Stack,
  rewrite: ReturnType<typeof rewriteOf>,
) {
  const bytes = Buffer.from(frame);
  const size = family === 4 ? 4 : 16;
  for (const at of addresses) {
    const to = mapped(rewrite.rules, family, numberOf(frame.subarray(at, at + size)));
    bytes.write(to.toString(16).padStart(2 * size, '0'), at, 'hex');
  }
  for (const at of ports) {
    const port = frame.readUInt16BE(at);
    bytes.writeUInt16BE(rewrite.ports.get(port) ?? port, at);
  }
  return bytes;
}

const isIcmp = ({ name }: { name: string }) => name === 'icmp' || name === 'icmpv6';

/** Errors, and neighbour discovery, in which addresses are rewritten as well. */
function holdsAddresses({ frame, checks }: Stack): boolean {
  const icmp = checks.find(isIcmp);
  if (icmp === undefined || icmp.at + 2 > frame.length) return false;
  const type = frame[icmp.at - 2] as number;
  return icmp.name === 'icmp'
    ? [3, 4, 5, 11, 12].includes(type)
    : type < 5 || (type > 132 && type < 138);
}

const dice = fc.gen().map((gen) => new Dice((max) => gen(fc.integer, { min: 0, max })));

describe('rewriting, over random stacks of protocols', () => {
  it.each([false, true])('keeps each checksum as right as it was; checksums: %s', (checksums) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(dice, (dice) => {
        const made = stack(dice);
        const rewrite = rewriteOf(dice);
        const options = optionsOf(rewrite, checksums);
        const { frame } = rewritten(made.frame, options, made.wireLength);
        const want = expected(made, rewrite);
        const holds = holdsAddresses(made);
        const moved = holds || !want.equals(made.frame);
        for (const { name, at, residue, complete, optional } of made.checks) {
          if (at + 2 > frame.length) continue;
          const [before, after] = [made.frame.readUInt16BE(at), frame.readUInt16BE(at)];
          want.writeUInt16BE(after, at); // compared here
          if (optional && before === 0) {
            expect(after, `${made.name}: ${name} has none`).toBe(0);
            continue;
          }
          const was = residue(made.frame);
          const is = residue(frame);
          const mended = checksums && complete;
          expect(is, `${made.name}: ${name}`).toBe(mended ? 0 : was);
          if (optional) expect(after).not.toBe(0);
          if (!moved && was === 0) expect(after).toBe(before);
          seen.add(`${made.family} ${name} ${complete} ${was === 0}`);
        }
        // What a message holds is for layered-rewrite.test.ts; here, its checksum counts.
        const end = holds ? (made.checks.find(isIcmp)?.at ?? 0) : frame.length;
        expect(frame.toString('hex', 0, end), made.name).toBe(want.toString('hex', 0, end));
      }),
      { numRuns: 4000 },
    );
    // What nothing was drawn of, nothing was shown about.
    for (const name of ['tcp', 'udp', 'udplite', 'dccp', 'vrrp3', 'register', 'ospf3', 'hip']) {
      for (const family of [4, 6]) {
        expect([...seen]).toContain(`${family} ${name} true true`);
        if (name !== 'register') expect([...seen]).toContain(`${family} ${name} false true`);
      }
    }
    for (const name of ['icmpv6', 'mobility']) expect([...seen]).toContain(`6 ${name} true false`);
  });

  it('changes nothing when it is asked for nothing', () => {
    fc.assert(
      fc.property(dice, (dice) => {
        const { name, frame, wireLength } = stack(dice);
        expect(rewritten(frame, {}, wireLength).frame.toString('hex'), name).toBe(
          frame.toString('hex'),
        );
      }),
      { numRuns: 1000 },
    );
  });
});

const HEADERS = '020000000002020000000001';
const frameOf = (...hex: string[]) =>
  Buffer.from((HEADERS + hex.join('')).replaceAll(' ', ''), 'hex');
const IPV4 = '0a010203 0a090909';
const MAPPED = { '10.0.0.0/8': '198.0.0.0/8' };

describe('rewriting', () => {
  it('passes over frames without an Ethernet header, and says so', () => {
    for (let length = 0; length < 14; length++) {
      for (const ethernet of [
        {},
        { source: '02:00:00:00:00:09' },
        { destination: '02:00:00:00:00:09' },
      ]) {
        const { ready, skipped } = rewritten(new Uint8Array(length), { ethernet });
        expect(ready).toEqual([]);
        expect(skipped).toMatchObject([
          { reason: 'no Ethernet frame', frames: 1, longest: length },
        ]);
      }
    }
  });

  it('takes no padding behind a first fragment for ports', () => {
    const fragment = frameOf('0800 45000016 00002000 40110000', IPV4, '0035 0035 0035');
    const { frame } = rewritten(fragment, { ports: { 53: 1000 } });
    expect(frame.subarray(34).toString('hex')).toBe('003500350035');
  });

  it('keeps the other zero of what has not changed', () => {
    // Addresses change places: the sum of the header, and of the pseudo header, stays.
    const swapped = { '10.1.2.3': '10.9.9.9', '10.9.9.9': '10.1.2.3' };
    const tcp = '0001 0050 00000000 00000000 5010 ffff ffff 0000';
    const captured = frameOf('0800 45000028 00004000 4006ffff', IPV4, tcp);
    const { frame } = rewritten(captured, { addresses: swapped });
    expect(frame.readUInt16BE(24)).toBe(0xffff);
    expect(frame.readUInt16BE(50)).toBe(0xffff);
    expect(frame.subarray(26, 34).toString('hex')).toBe('0a0909090a010203');
  });

  it('works a checksum out over the zeros that a frame has been filled up with', () => {
    const layers = {
      ipv4: { source: '10.1.2.3', destination: '10.9.9.9' },
      udp: { source: 1, destination: 2 },
    };
    const { bytes } = template({ ethernet: ETHERNET, ...layers, payload: 'what was not captured' });
    const cut = bytes.subarray(0, bytes.length - 9);
    const options = { addresses: MAPPED, checksums: true };
    const { frame } = rewritten(cut, options, bytes.length, 'pad');
    expect(frame.subarray(-9)).toEqual(Buffer.alloc(9));
    expect(parse(frame).problems).toEqual([]);
    // As it is, it is right for those who know the rest.
    const sent = rewritten(cut, options, bytes.length, 'send').frame;
    const rest = bytes.subarray(-9);
    expect(parse(Buffer.concat([sent, rest])).problems).toEqual([]);
  });

  it('writes 0xffff for a UDP checksum that comes out as 0, rewritten or worked out anew', () => {
    // All but the checksum sums up to 0xffff, with the protocol and two lengths of 8.
    const datagram = (checksum: number, destination: number) => {
      const frame = frameOf(
        '0800 4500001c 00004000 40110000',
        '00000000 00000000',
        '00010000 00080000',
      );
      frame.writeUInt16BE(destination, 36);
      frame.writeUInt16BE(checksum, 40);
      return frame;
    };
    const rest = 1 + 17 + 8 + 8;
    const wrong = rewritten(datagram(1, 0xffff - rest), { checksums: true }).frame;
    expect(wrong.readUInt16BE(40)).toBe(0xffff);
    // Right with 2; the addresses add 1 each.
    const right = datagram(2, 0xffff - rest - 2);
    const moved = rewritten(right, { addresses: { '0.0.0.0': '0.0.0.1' } }).frame;
    expect(moved.readUInt16BE(40)).toBe(0xffff);
  });

  const decimals = [
    '',
    '0x8',
    '+8',
    ' 8',
    '8 ',
    '8.0',
    '8e0',
    '-8',
    '08',
    '8/8',
    'eight',
    '٨',
    '33',
  ];
  it.each(decimals)('refuses "%s" as the length of a prefix', (text) => {
    const refused = expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' });
    for (const [from, to] of [
      [`10.0.0.0/${text}`, '198.0.0.0/8'],
      ['10.0.0.0/8', `198.0.0.0/${text}`],
      [`10.0.0.0/${text}`, `198.0.0.0/${text}`],
    ] as const) {
      expect(() => new Rewriter({ addresses: { [from]: to } })).toThrow(refused);
    }
  });

  it.each(['', '0x35', '+53', ' 53', '53.0', '5.3e1', '-53', '053', '65536'])(
    'refuses "%s" as a port',
    (port) => {
      expect(() => new Rewriter({ ports: { [port]: 1 } as never })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' }),
      );
    },
  );

  it('takes prefixes of every length', () => {
    for (const length of [0, 1, 8, 31, 32]) {
      new Rewriter({ addresses: { [`10.0.0.0/${length}`]: `198.0.0.0/${length}` } });
    }
    for (const length of [0, 9, 64, 127, 128]) {
      new Rewriter({ addresses: { [`2001::/${length}`]: `2002::/${length}` } });
    }
    expect(() => new Rewriter({ addresses: { '::/129': '::/129' } })).toThrow(/129/);
    const { frame } = rewritten(frameOf('0800 45000014 00004000 40060000', IPV4), {
      addresses: MAPPED,
    });
    expect(frame.subarray(26, 34).toString('hex')).toBe('c6010203c6090909');
  });
});
