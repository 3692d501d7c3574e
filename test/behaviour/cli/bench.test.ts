// `zerosend bench` as a person starts it, and as a program reads it. Figures differ from machine to
// machine: what is tested is what was measured, over which way, and that nothing was lost.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BenchReport } from '../../../dist/cli/bench/report.js';
import { ownNamespace } from '../../../rig/index.mjs';
import { folderOfTest } from '../../support/folders.js';
import {
  canMakeNamespaces,
  hasTool,
  isRoot,
  needs,
  needsHere,
} from '../../support/requirements.js';
import { problemOfXml } from '../../support/xml.js';
import { atTerminal, pipe, Running, type StartOptions, screen, zerosend } from './shell.js';

const command = (...args: string[]) => [process.execPath, zerosend, 'bench', '--quick', ...args];
const SHORT = ['--seconds', '1', '--sizes', '1K,64K'];

async function measured(
  args: readonly string[],
  options: StartOptions & { within?: readonly string[] } = {},
): Promise<{ report: BenchReport; stderr: string }> {
  const { within = [], ...start } = options;
  const argv = [...within, ...command('--json', ...args)];
  const { code, stdout, stderr } = await pipe(argv, { timeout: 60_000, ...start });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  return { report: JSON.parse(stdout), stderr };
}

const positive = expect.toSatisfy((value: number) => Number.isFinite(value) && value > 0);
const summary = { median: positive, low: positive, high: positive };

describe(
  'zerosend bench, in a network of its own',
  needs(canMakeNamespaces(), 'making network namespaces'),
  () => {
    it('measures every mechanism, size and memory, and loses nothing', async () => {
      const { report } = await measured(SHORT);
      expect(report).toMatchObject({ command: 'bench', complete: true, error: null });
      expect(report.path).toMatchObject({ kind: 'sink', leftOut: {}, withoutSink: null });
      const { results, trials, plan } = report;
      const kinds = results.map((r) => `${r.protocol} ${r.size} ${r.memory} ${r.way}`);
      const expected = ['udp 1024', 'udp 65000', 'tcp 1024', 'tcp 65536'].flatMap((size) =>
        ['zerocopy', 'copy', ...(size.startsWith('udp') ? ['ring'] : []), 'node'].flatMap((way) =>
          way === 'node' ? `${size} hot node` : [`${size} hot ${way}`, `${size} cold ${way}`],
        ),
      );
      expect(kinds.sort()).toEqual(expected.sort());
      for (const { rounds, gain, way, bytesPerSecond, bytesPerCpuSecond } of results) {
        expect(rounds).toBe(plan.rounds);
        expect([bytesPerSecond, bytesPerCpuSecond]).toEqual([summary, summary]);
        expect(gain).toEqual(way === 'copy' ? null : summary);
      }
      expect(trials.map(({ kind, value }) => `${kind} ${value}`)).toEqual(
        expect.arrayContaining(['batch 1', 'batch 64', 'pool 16', 'pool 256']),
      );
    }, 90_000);

    it('sends into an interface that does not copy', async () => {
      const { report } = await measured([...SHORT, '--mechanisms', 'udp,ring']);
      const shares = report.results.map(({ way, zerocopiedShare }) => [way, zerocopiedShare]);
      for (const [way, share] of shares) {
        expect([way, share]).toEqual([way, way === 'zerocopy' || way === 'ring' ? 1 : 0]);
      }
      expect(report.recommendation.thresholds.udp?.kernelCopies).toBe(false);
      expect(Object.keys(report.path.ways).sort()).toEqual(['ring', 'udp']);
    }, 60_000);

    it('sends to an address that is named, by an interface that is named', async () => {
      const setUp = [
        'link add zsx0 type ifb',
        'address add 198.18.0.1/24 dev zsx0',
        'link set zsx0 up',
      ];
      const to = ['--to', '198.18.0.2', '--interface', 'zsx0', '--mac', '02:00:00:00:00:02'];
      const { report } = await measured([...SHORT, ...to], { within: ownNamespace(setUp) });
      expect(report.path.kind).toBe('named');
      expect(report.path.ways.ring).toBe('frames to 02:00:00:00:00:02 on zsx0');
      expect(report.path.leftOut.tcp).toContain('--to ADDRESS:PORT');
      const ring = report.results.filter(({ way }) => way === 'ring');
      expect(ring.map(({ zerocopiedShare }) => zerocopiedShare)).toEqual([1, 1, 1, 1]);
    }, 60_000);

    it('says why nothing can be measured, and exits with 3', async () => {
      const argv = [...ownNamespace(), ...command('--to', '198.18.0.2', '--json')];
      const { code, stdout, stderr } = await pipe(argv);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain('nothing could be measured: connect ENETUNREACH 198.18.0.2:9');
    }, 60_000);
  },
);

describe(
  'zerosend bench, as root',
  needs(isRoot() && canMakeNamespaces(), 'root and making network namespaces'),
  () => {
    it('has TCP take a way that does not copy', async () => {
      const { report } = await measured([...SHORT, '--mechanisms', 'tcp']);
      expect(report.path.ways.tcp).toContain('a veth to a receiver in another namespace');
      // Of small sends a part is copied where room for notifications runs out (net.core.optmem_max).
      const asking = report.results.filter(({ way, size }) => way === 'zerocopy' && size > 1024);
      expect(asking).toHaveLength(2);
      for (const { zerocopiedShare } of asking) expect(zerocopiedShare).toBeGreaterThan(0.9);
    }, 60_000);

    it('does the same for an ordinary user, but for TCP, and says what root would have', async (context) => {
      const within = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const { code } = await pipe([...within, 'unshare', '-Urn', 'ip', 'link']);
      needsHere(context, code === 0, 'user namespaces for ordinary users');
      const { report } = await measured([...SHORT, '--mechanisms', 'udp,tcp,ring'], { within });
      expect(report.path).toMatchObject({ kind: 'sink', leftOut: {}, withoutSink: null });
      expect(report.path.ways.tcp).toContain('loopback');
      expect(report.path.remarks.join()).toMatch(/TCP went over loopback, .*as root it can/);
      const asking = report.results.filter(({ way }) => way === 'zerocopy');
      for (const { protocol, zerocopiedShare } of asking) {
        expect([protocol, zerocopiedShare]).toEqual([protocol, protocol === 'udp' ? 1 : 0]);
      }
    }, 60_000);

    it('names the limit that keeps an ordinary user from zero copy', async () => {
      const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const within = [...user, 'sh', '-c', 'ulimit -l 16; exec "$@"', 'sh']; // KB
      const args = ['--seconds', '1', '--sizes', '64K', '--mechanisms', 'udp', '--loopback'];
      const { report } = await measured(args, { within });
      const [result] = report.results.filter(({ way }) => way === 'zerocopy');
      expect(result?.fallbackShare).toBe(1);
      expect(report.recommendation.reasons[0]).toContain('RLIMIT_MEMLOCK (ulimit -l)');
    }, 60_000);
  },
);

describe('zerosend bench, over loopback', () => {
  it('says that loopback copies, and advises against zero copy', async () => {
    const { report } = await measured([...SHORT, '--loopback']);
    expect(report.path.kind).toBe('loopback');
    expect(report.path.leftOut).toEqual({ ring: expect.any(String) });
    expect(report.path.remarks.join()).toContain('Loopback makes the kernel copy');
    expect(report.results.map(({ zerocopiedShare }) => zerocopiedShare)).toEqual(
      report.results.map(() => 0),
    );
    const never = { zeroCopy: 'never' };
    expect(report.recommendation.options).toEqual({ udp: never, tcp: never });
  }, 90_000);

  it('is where it sends when no namespace can be made, and says so', async () => {
    const env = { PATH: '/nonexistent' };
    const { report } = await measured([...SHORT, '--mechanisms', 'udp'], { env });
    expect(report.path).toMatchObject({
      kind: 'loopback',
      withoutSink: 'unshare (util-linux) is not installed',
    });
  }, 60_000);

  it('writes the chart as SVG', async () => {
    const folder = folderOfTest();
    const file = join(folder, 'chart.svg');
    const args = [...SHORT, '--loopback', '--mechanisms', 'udp', '--svg', file];
    const { stderr } = await measured(args);
    expect(stderr).toContain(`the chart is in ${file}`);
    const svg = readFileSync(file, 'utf8');
    expect(problemOfXml(svg)).toBeNull();
    expect(svg).toContain('UDP, cold');
    expect(svg).toContain('over loopback');
  }, 60_000);

  it('says that there is no chart where there is nothing to draw', async () => {
    const file = join(folderOfTest(), 'chart.svg');
    const args = ['--loopback', '--mechanisms', 'ring', '--sizes', '1K', '--svg', file];
    const { stderr } = await pipe(command('--json', ...SHORT, ...args));
    expect(stderr).toContain('there is no chart: nothing was compared with copying');
    expect(stderr).not.toContain('the chart is in');
    expect(existsSync(file)).toBe(false);
  }, 60_000);

  it('ends by Ctrl-C with what has been measured', async () => {
    const argv = command('--json', '--loopback', '--seconds', '600', '--sizes', '1K,2K,4K,8K');
    // Measured until the second group has begun: then there is a first one.
    const args = [...argv, '--mechanisms', 'udp'];
    const running = new Running(
      args.map((arg) => (arg === '600' ? '40' : arg)),
      {
        timeout: 60_000,
      },
    );
    await running.printed(/udp 1 KB cold/, 'stderr');
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended();
    expect(code).toBe(0);
    expect(stderr).toContain('interrupted; this is what was measured until then');
    const report: BenchReport = JSON.parse(stdout);
    expect(report.complete).toBe(false);
    expect(new Set(report.results.map(({ size }) => size))).toEqual(new Set([1024]));
    // Larger sizes, where zero copy pays if anywhere, were to come.
    expect(report.recommendation.options).toEqual({});
    expect(report.recommendation.reasons.join()).toContain('nothing follows yet');
  }, 90_000);

  it('sends to a receiver that is named, by TCP, and leaves TCP out where nobody listens', async () => {
    const server = net.createServer((socket) => void socket.on('error', () => {}).resume());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const to = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const named = ['--seconds', '1', '--sizes', '64K', '--to', to];
    const { report } = await measured([...named, '--mechanisms', 'tcp']);
    expect(report.path.ways.tcp).toContain('127.0.0.1');
    expect(new Set(report.results.map(({ protocol }) => protocol))).toEqual(new Set(['tcp']));
    server.close();
    await once(server, 'close');
    const without = await measured([...named, '--mechanisms', 'udp,tcp']);
    expect(without.report.path.leftOut.tcp).toContain('ECONNREFUSED');
    expect(without.report.path.ways).toEqual({ udp: expect.any(String) });
    const { code, stderr } = await pipe(command(...named, '--mechanisms', 'tcp'));
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('ECONNREFUSED') });
  }, 90_000);

  it.each([
    [['--to', 'nowhere'], '--to has to be an address, or ADDRESS:PORT'],
    [['--to', '198.18.0.2:70000'], '--to has to be an address, or ADDRESS:PORT'],
    [['--interface', 'lo'], '--interface needs --to'],
    [['--mac', '02:00:00:00:00:01'], '--mac needs --to and --interface'],
    [['--to', '198.18.0.2', '--mac', 'x'], '--mac has to be like 02:00:00:00:00:01'],
    [['--to', '198.18.0.2', '--loopback'], '--loopback and --to exclude each other'],
    [['--sizes', '1K,,2K'], '--sizes has to be a size such as 1400 or 64K'],
    [['--mechanisms', 'udp,sctp'], '--mechanisms takes udp, tcp, ring'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await pipe(command(...args));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('zerosend bench at a terminal', needs(hasTool('script'), 'the tool script'), () => {
  it('shows how far it is, and then a table, the chart and a recommendation', async () => {
    const args = command(...SHORT, '--loopback', '--mechanisms', 'udp');
    const running = atTerminal(args, { timeout: 60_000 });
    await running.printed(/█+░+ measured \d+ %/);
    const { code, stdout } = await running.ended();
    expect(code).toBe(0);
    const lines = screen(stdout);
    expect(lines.join('\n')).not.toContain('measured 1');
    expect(lines.join('\n')).toMatch(/UDP: Gbit\/s that a busy processor would send/);
    expect(lines.filter((line) => line.includes('│')).length).toBeGreaterThan(10);
    expect(lines.join('\n')).toMatch(/UdpSocket\s+\{ zeroCopy: 'never' \}/);
  }, 60_000);

  // The terminal sends the signal to every process of the command.
  it('ends by Ctrl-C with what has been measured', async () => {
    const args = ['--seconds', '30', '--sizes', '1K,2K,4K', '--mechanisms', 'udp', '--loopback'];
    const running = atTerminal(command(...args), { timeout: 60_000 });
    await running.printed(/udp 1 KB cold/);
    running.type('\x03');
    const { code, stdout } = await running.ended();
    expect(code).toBe(0);
    expect(stdout).toContain('interrupted; this is what was measured until then');
    expect(screen(stdout).join('\n')).toMatch(/1 KB {2}hot/);
  }, 60_000);
});
