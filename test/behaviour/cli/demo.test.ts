import { execFile } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { zerosend } from './shell.js';

/** Runs to its end what `npm start` runs when everything is up to date; also outside of a test. */
function run(args: readonly string[], env: Record<string, string> = {}) {
  const options = {
    env: { ...process.env, ...env },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  } as const;
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [zerosend, 'demo', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr });
    });
  });
}

// biome-ignore lint/suspicious/noExplicitAny: what is in the document is what is tested
type Json = any;

async function json(args: readonly string[], env: Record<string, string> = {}): Promise<Json> {
  const { code, stdout, stderr } = await run([...args, '--json'], env);
  const document = JSON.parse(stdout);
  expect({ code, problems: document.problems }, stderr).toEqual({ code: 0, problems: [] });
  return document;
}

/** What holds for every transport that has come to its end. */
function expectConsistent(result: Json) {
  expect(result.problems).toEqual([]);
  expect(result.sends).toBeGreaterThan(0);
  expect(result.completed).toBe(result.sends);
  expect(result.ranges).toBeGreaterThan(0);
  expect(result.ranges).toBeLessThanOrEqual(result.completed);
  expect(result.idsPerRange).toBeCloseTo(result.completed / result.ranges);
  expect(result.bitsPerSecond).toBeCloseTo((result.bytes * 8) / result.seconds);
  expect(result.pool.free).toBe(result.pool.total);
  expect(result.zerocopyShare + result.copiedShare + result.inlineShare).toBeCloseTo(1);
  expect(result.latency.p50).toBeGreaterThan(0);
  expect(result.latency.p99).toBeGreaterThanOrEqual(result.latency.p50);
}

describe('npm start, over loopback', () => {
  const transports = ['udp', 'tcp', 'tcp-mix'];
  let document: Json;
  const resultOf = (name: string) => document.results.find((r: Json) => r.name === name);

  beforeAll(async () => {
    document = await json(['--only', transports.join(','), '--seconds', '1', '--seed', '7']);
  }, 60_000);

  it('says what it was asked for', () => {
    expect(document).toMatchObject({ ok: true, interrupted: false, node: process.version });
    expect(document.options).toMatchObject({ only: transports, seconds: 1, seed: 7, count: null });
    expect(document.results.map((r: Json) => r.name)).toEqual(transports);
  });

  it.each(transports)('%s: every id completes once, and the kernel copies', (name) => {
    const result = resultOf(name);
    expectConsistent(result);
    // Short of optmem or RLIMIT_MEMLOCK, a send goes out inline; that is not zero copy either.
    expect(result.zerocopyShare).toBe(0);
    expect(result.copiedShare).toBeGreaterThan(0.5);
    expect(result.notifications).toBeGreaterThan(0);
    expect(result.seconds).toBeGreaterThan(0.9);
  });

  it.each(['tcp', 'tcp-mix'])('%s: every byte arrives, in order', (name) => {
    const { bytes, received } = resultOf(name);
    expect(received).toEqual({ bytes, wrongBytes: 0 });
  });

  it('udp: every datagram is right, and next to none is lost', () => {
    const { sends, bytes, received } = resultOf('udp');
    expect(bytes).toBe(sends * 64400);
    expect(received).toMatchObject({ wrongBytes: 0, duplicates: 0 });
    expect(received.datagrams + received.lost).toBe(sends * 46);
    expect(received.bytes).toBe(received.datagrams * 1400);
    expect(received.lost / (sends * 46)).toBeLessThan(0.01);
  });

  it('tcp-mix: the sizes are mixed', () => {
    const { sends, bytes } = resultOf('tcp-mix');
    expect(bytes / sends).toBeGreaterThan(20_000); // 75 KB in the long run
    expect(bytes / sends).toBeLessThan(200_000);
  });
});

describe(
  'npm start, into the sink',
  needs(canMakeNamespaces(), 'making network namespaces'),
  () => {
    it('does not copy, and a copying sender is beside it', async () => {
      const document = await json(['--only', 'sink', '--seconds', '1']);
      const [sink, copy] = document.results;
      expect([sink.name, copy.name]).toEqual(['sink', 'sink-copy']);
      expectConsistent(sink);
      expectConsistent(copy);
      expect(sink.zerocopyShare).toBe(1);
      expect(sink.notifications).toBeGreaterThan(0);
      expect(copy.inlineShare).toBe(1);
      expect(copy.notifications).toBe(0);
      const ratio = sink.bitsPerSecond / copy.bitsPerSecond;
      expect(document.sink.zeroCopyToCopy).toBeCloseTo(ratio);
      expect(document.sink.unavailable).toBeNull();
    });
  },
);

describe('npm start', () => {
  it('prints a table, and says why loopback copies', async () => {
    const args = ['--only', 'udp,tcp', '--seconds', '1.2', '--seed', '3'];
    const { code, stdout, stderr } = await run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^zerosend: .* seed 3$/m);
    expect(stdout).toMatch(/^udp +\d\.\d\/1\.2 s {2}[\d,]+ sends/m); // progress, a line a second
    expect(stdout).toMatch(/^ +udp +tcp$/m);
    for (const line of ['sends', 'bytes', 'throughput', 'ids completed', 'ranges', 'ids a range'])
      expect(stdout).toMatch(new RegExp(`^${line}( +\\S+){2}`, 'm'));
    expect(stdout).toMatch(/^wrong bytes +0 +0$/m);
    expect(stdout).toContain('Loopback answers "copied" by design');
    expect(stdout).toContain('Every id completed exactly once, and every byte was right.');
  });

  it('ends each transport after --count sends of the sizes asked for', async () => {
    const sizes = ['--udp-size', '9016', '--segment', '3000', '--tcp-size', '5000'];
    const mix = ['--mix-min', '100', '--mix-max', '200', '--buffers', '8'];
    const only = ['--only', 'udp,tcp,tcp-mix'];
    const { results } = await json([...only, ...sizes, ...mix, '--count', '50']);
    const [udp, tcp, tcpMix] = results;
    for (const result of results) {
      expectConsistent(result);
      expect(result.sends).toBe(50);
    }
    expect(udp.received).toMatchObject({ datagrams: 50 * 4, bytes: 50 * 9016, lost: 0 });
    expect(tcp.received.bytes).toBe(50 * 5000);
    expect(tcp.pool.total).toBe(8);
    expect(tcpMix.received.bytes).toBeGreaterThanOrEqual(50 * 100);
    expect(tcpMix.received.bytes).toBeLessThanOrEqual(50 * 200);
  });

  it('says why there is no sink', async () => {
    const document = await json(['--only', 'tcp,sink', '--count', '10'], { PATH: '/nowhere' });
    expect(document.results.map((r: Json) => r.name)).toEqual(['tcp']);
    expect(document.sink.unavailable).toBe('unshare (util-linux) is not installed');
  });

  it('fails where nothing can be sent', async () => {
    const { code, stdout } = await run(['--only', 'sink'], { PATH: '/nowhere' });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^No sink here, .*: unshare \(util-linux\) is not installed$/m);
  });
});
