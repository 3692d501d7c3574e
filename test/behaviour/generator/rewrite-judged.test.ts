// What tshark says of each checksum, before and after addresses and ports have been rewritten, in
// captures of random stacks and in those that other programs write.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type PacketDescription, type Rewrite, readCapture, template } from 'zerosend/generator';
import { findTool, hasTool, needs } from '../../support/requirements.js';
import { pcap, type Written } from './support/pcap-writer.js';
import { stack } from './support/stack-frames.js';
import { Dice, type Stack } from './support/stacks.js';

// Much to compute, or many programs to run: beside other load that takes its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const { Rewriter } = await import('../../../lib/generator/replay/rewrite.js');
const { sendable } = await import('./support/sendable.js');

const run = promisify(execFile);
const tool = async (name: string, args: string[]) => {
  const options = { maxBuffer: 2 ** 28, timeout: 60_000 };
  return (await run(findTool(name) ?? name, args, options)).stdout;
};

const PREFERENCES = [
  'ip.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'udplite.check_checksum:TRUE',
  'udplite.ignore_checksum_coverage:FALSE',
  'dccp.check_checksum:TRUE',
  'ip.defragment:FALSE',
  'ipv6.defragment:FALSE',
];
const FIELDS = ['ip', 'tcp', 'udp', 'dccp', 'icmp', 'icmpv6', 'igmp', 'vrrp', 'hip']
  .map((protocol) => `${protocol}.checksum.status`)
  .concat('pim.cksum.status');
/** As tshark numbers them. */
const GOOD = '1';
const BAD = '0';

/** The verdicts on each frame of a file, by protocol, for packets in packets as well. */
async function verdicts(file: string): Promise<string[]> {
  const preferences = PREFERENCES.flatMap((each) => ['-o', each]);
  const fields = ['frame.number', ...FIELDS].flatMap((each) => ['-e', each]);
  const shape = ['-T', 'fields', '-E', 'occurrence=a', '-E', 'separator=;'];
  const text = await tool('tshark', ['-n', '-r', file, ...preferences, ...shape, ...fields]);
  return text.trimEnd().split('\n');
}

const tally = (lines: string[]) => {
  const all = lines.flatMap((line) => line.split(';').slice(1).join(',').split(','));
  const count = (verdict: string) => all.filter((each) => each === verdict).length;
  return { good: count(GOOD), bad: count(BAD) };
};

const REWRITE: Rewrite = {
  addresses: {
    '0.0.0.0/2': '10.0.0.0/2',
    '198.18.0.0/15': '198.0.0.0/15',
    '128.0.0.0/1': '77.0.0.0/1',
    '2001:2::/32': '2001:db8::/32',
    '::/1': '2abc::/1',
    '8000::/1': '3fff:ffff::/1',
  },
  ports: { 0: 7, 1: 65_535, 53: 1, 1024: 2000, 65535: 0 },
};

describe(
  'the verdict of tshark on checksums',
  needs(['tshark', 'editcap', 'mergecap', 'text2pcap'].every(hasTool), 'tshark and its tools'),
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'zerosend-judged-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const at = (name: string) => join(folder, name);

    /** Rewrites a file into another one, as a replay with snapped frames would send it. */
    async function judge(from: string, rewrite: Rewrite = REWRITE) {
      const capture = readCapture(from);
      const made = sendable(capture, new Rewriter(rewrite), {
        kind: 'frame',
        maxLength: 1e6,
        mtu: 1e6,
        virtioNetHeader: false,
        snapped: 'send',
      });
      expect(made.skipped).toEqual([]);
      const frames = made.ready.map(({ bytes }, i) => {
        const originalLength = capture.frames[i]?.originalLength ?? 0;
        return { bytes, time: 0n, originalLength };
      });
      writeFileSync(at('after.pcap'), pcap(frames));
      const [before, after] = [await verdicts(from), await verdicts(at('after.pcap'))];
      const changed = frames.filter(
        ({ bytes }, i) => !Buffer.from(bytes).equals(capture.frames[i]?.bytes ?? bytes),
      );
      return { before, after, changed: changed.length, frames: frames.length };
    }

    /**
     * tshark finds a checksum of 0xffff where 0 would do wrong, however the sum is; only what has not
     * changed keeps one.
     */
    const isStrict = ({ frame, checks }: Stack) =>
      !checks.some(
        ({ at, optional }) =>
          at + 2 <= frame.length && !optional && frame.readUInt16BE(at) === 0xffff,
      );

    const stacks = (count: number, filter: (made: Stack) => boolean = () => true): Written[] =>
      Array.from({ length: count }, (_, seed) => stack(Dice.of(seed * 7919 + 1)))
        .filter((made) => isStrict(made) && filter(made))
        .map(({ frame, wireLength }) => ({ bytes: frame, time: 0n, originalLength: wireLength }));

    /** Packets that text2pcap puts headers before, whose checksums it works out. */
    async function byText2pcap(name: string, headers: string[]): Promise<string> {
      const lengths = [0, 1, 2, 31, 300];
      const dump = lengths.map((length) => {
        const bytes = Array.from({ length: length + 1 }, (_, i) => ((i * 37) & 0xff).toString(16));
        const lines: string[] = [];
        for (let i = 0; i < bytes.length; i += 16) {
          const offset = i.toString(16).padStart(6, '0');
          const row = bytes.slice(i, i + 16).map((byte) => byte.padStart(2, '0'));
          lines.push(`${offset} ${row.join(' ')}`);
        }
        return lines.join('\n');
      });
      writeFileSync(at(`${name}.txt`), `${dump.join('\n\n')}\n`);
      await tool('text2pcap', ['-q', '-F', 'pcap', ...headers, at(`${name}.txt`), at(name)]);
      return at(name);
    }

    it('is the same for random stacks', async () => {
      writeFileSync(at('stacks.pcap'), pcap(stacks(1500)));
      const { before, after, changed } = await judge(at('stacks.pcap'));
      expect(after).toEqual(before);
      expect(changed).toBeGreaterThan(500);
      const { good, bad } = tally(before);
      expect(good).toBeGreaterThan(500);
      expect(bad).toBeGreaterThan(200);
    });

    it('is good once it has been worked out anew', async () => {
      // Not where there are several ways: tshark knows one of them only.
      const several = /vrrp|register|(loose|strict).*(loose|strict)/;
      const known = ({ name, checks }: Stack) =>
        checks.every(({ complete }) => complete) && !several.test(name);
      writeFileSync(at('wrong.pcap'), pcap(stacks(800, known)));
      const { before, after } = await judge(at('wrong.pcap'), { ...REWRITE, checksums: true });
      expect(tally(before).bad).toBeGreaterThan(100);
      expect(after.filter((line) => tally([line]).bad > 0)).toEqual([]);
    });

    it('is good for neighbours who are asked for by the group of their new address', async () => {
      // Packets within packets as well; tshark lists what it finds from the outside in.
      const asks = (low: number): PacketDescription['layers'] => {
        const [third, rest] = [low >> 16, low & 0xffff].map((part) => part.toString(16));
        const bytes = [16, 8, 0].map((shift) => ((low >> shift) & 0xff).toString(16));
        const destination = `33:33:ff:${bytes.map((byte) => byte.padStart(2, '0')).join(':')}`;
        return [
          { ethernet: { source: '02:00:00:00:00:01', destination } },
          { ipv6: { source: '::', destination: `ff02::1:ff${third}:${rest}`, hopLimit: 255 } },
          { icmpv6: { type: 'neighbour-solicitation', target: `2001:db8::${third}:${rest}` } },
        ];
      };
      const tunnel: PacketDescription['layers'] = [
        { ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' } },
        { ipv4: { source: '198.18.0.1', destination: '198.18.0.2' } },
        { udp: { source: 50_000, destination: 4789 } },
        { vxlan: { vni: 9 } },
      ];
      const lows = [0xaabbcc, 0x123456, 0xffffff];
      const frames = lows.flatMap((low) => [asks(low), [...tunnel, ...(asks(low) ?? [])]]);
      const bytes = frames.map((layers) => template({ layers: layers ?? [], payload: '' }).bytes);
      writeFileSync(at('asks.pcap'), pcap(bytes.map((one) => ({ bytes: one, time: 0n }))));
      const addresses = { '2001:db8::/64': '2001:2::12:3456-2001:2::ffff:ffff:ffff' };
      const { after, changed } = await judge(at('asks.pcap'), { addresses });
      expect(tally(after)).toMatchObject({ bad: 0 });
      expect(tally(after).good).toBeGreaterThanOrEqual(frames.length);
      expect(changed).toBe(frames.length);
      const fields = ['eth.dst', 'ipv6.dst', 'icmpv6.nd.ns.target_address'];
      const shape = ['-T', 'fields', '-E', 'occurrence=l', '-E', 'separator=;'];
      const asked = fields.flatMap((each) => ['-e', each]);
      const read = await tool('tshark', ['-n', '-r', at('after.pcap'), ...shape, ...asked]);
      for (const [i, line] of read.trimEnd().split('\n').entries()) {
        const low = (0x123456 + (lows[i >> 1] as number)) % 2 ** 24;
        const digits = low.toString(16).padStart(6, '0');
        const [mac = '', group = '', target = ''] = line.split(';');
        expect(mac.replaceAll(':', '')).toBe(`3333ff${digits}`);
        expect(group).toMatch(/^ff02::1:ff/);
        for (const address of [group, target]) {
          const [third = '', rest = ''] = address.split(':').slice(-2);
          const last = third.padStart(4, '0') + rest.padStart(4, '0');
          expect(last.slice(2), line).toBe(digits);
        }
      }
    });

    const IP = [
      ['IPv4', ['-4', '198.18.0.1,198.18.0.2']],
      ['IPv6', ['-6', '2001:2::1,2001:2::2']],
    ] as const;
    const ABOVE = [
      ['UDP', ['-u', '1024,53']],
      ['TCP', ['-T', '1024,53']],
      ['anything', ['-i', '1']],
    ] as const;

    it.each(IP)('is the same for packets of text2pcap, over %s', async (name, ip) => {
      for (const [above, headers] of ABOVE) {
        const file = await byText2pcap(`${name}.pcap`, [...headers, ...ip]);
        const { before, after, changed, frames } = await judge(file);
        expect(after, above).toEqual(before);
        expect(changed).toBe(frames);
        if (above !== 'anything') expect(tally(before)).toMatchObject({ bad: 0 });
      }
    });

    it('is the same for what editcap cuts and mergecap merges, as pcapng', async () => {
      const udp = await byText2pcap('udp.pcap', ['-u', '1024,53', '-4', '198.18.0.1,198.18.0.2']);
      const tcp = await byText2pcap('tcp.pcap', ['-T', '1024,53', '-6', '2001:2::1,2001:2::2']);
      writeFileSync(at('stacks.pcap'), pcap(stacks(200)));
      await tool('editcap', ['-s', '60', tcp, at('cut.pcapng')]);
      const parts = [udp, tcp, at('cut.pcapng'), at('stacks.pcap')];
      await tool('mergecap', ['-a', '-w', at('merged.pcapng'), ...parts]);
      const { before, after } = await judge(at('merged.pcapng'));
      expect(after).toEqual(before);
      const mended = await judge(at('merged.pcapng'), { ...REWRITE, checksums: true });
      const broken = mended.after.filter(
        (line, i) => tally([line]).bad > tally([before[i] ?? '']).bad,
      );
      expect(broken).toEqual([]);
    });

    it('is the same for what tshark writes', async () => {
      writeFileSync(at('stacks.pcap'), pcap(stacks(200)));
      await tool('tshark', ['-r', at('stacks.pcap'), '-w', at('read.pcapng')]);
      const { before, after, frames } = await judge(at('read.pcapng'));
      expect(frames).toBeGreaterThan(100);
      expect(after).toEqual(before);
    });

    it('is the same for what tcpdump writes', needs(hasTool('tcpdump'), 'tcpdump'), async () => {
      writeFileSync(at('stacks.pcap'), pcap(stacks(200)));
      await tool('tcpdump', [
        '-Z',
        'root',
        '-r',
        at('stacks.pcap'),
        '-w',
        at('dumped.pcap'),
        'ip or ip6',
      ]);
      const { before, after, frames } = await judge(at('dumped.pcap'));
      expect(frames).toBeGreaterThan(50);
      expect(after).toEqual(before);
    });
  },
);
