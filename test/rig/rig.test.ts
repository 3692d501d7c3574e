import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lives } from '../../rig/cleanup.mjs';
import {
  cleanLeftovers,
  compileProgram,
  createRig,
  type Rig,
  type RigKind,
  type RigOptions,
  startReceiver,
} from '../../rig/index.mjs';
import { expectIntact } from '../support/receiver.js';
import { needsRig, rigUp } from './needs.js';

const MB = 1_000_000;
const TRAINS = ['--size', '64400', '--segment', '1400'];

interface ProbeResult {
  sends: number;
  bytes: number;
  datagrams: number;
  zerocopied: number;
  copied: number;
  enobufs: number;
  seconds: number;
}

/** Sends with the probe from the sending end, and tells what the kernel answered. */
async function probe(
  rig: Rig,
  protocol: 'tcp' | 'udp',
  host: string,
  port: number,
  args: string[],
) {
  const command = [protocol, host, String(port), ...args];
  const { stdout } = await rig.sender.run(await compileProgram('probe'), command);
  return JSON.parse(stdout) as ProbeResult;
}

/** The same to a receiver that checks everything. */
async function exchange(rig: Rig, protocol: 'tcp' | 'udp', family: 4 | 6, args: string[]) {
  await using receiver = await startReceiver({ protocol, family, namespace: rig.receiver });
  const host = family === 4 ? rig.receiverAddress.v4 : rig.receiverAddress.v6;
  const sent = await probe(rig, protocol, host, receiver.port, args);
  // What has been copied has left the sender, and may wait for the receiver still.
  const received = await receiver.until(
    ({ bytes, eof }) => bytes >= sent.bytes && (protocol === 'udp' || eof === 1),
  );
  return { sent, received, receiver };
}

const namespaceExists = (name: string) => existsSync(`/run/netns/${name}`);

describe('the sink', await needsRig('sink'), () => {
  it.each([4, 6] as const)('takes IPv%d datagrams without copying', async (family) => {
    const rig = await rigUp('sink');
    expect(rig.receiver).toBeNull();
    const host = family === 4 ? rig.receiverAddress.v4 : rig.receiverAddress.v6;
    const sent = await probe(rig, 'udp', host, 9, ['--bytes', String(20 * MB), ...TRAINS]);
    expect(sent).toMatchObject({ bytes: 20 * MB, copied: 0, zerocopied: sent.sends });
    const elsewhere = family === 4 ? '198.19.200.1' : 'fd00:abcd::1';
    const far = await probe(rig, 'udp', elsewhere, 9, ['--bytes', String(MB), ...TRAINS]);
    expect(far).toMatchObject({ copied: 0, zerocopied: far.sends });
  });

  it('limits what is in flight by its own optmem_max', async () => {
    const outside = await (await rigUp('sink')).sender.sysctl('net.core.optmem_max');
    const slow = { rate: '10mbit' };
    const args = [
      '--bytes',
      '600000',
      '--size',
      '1400',
      '--inflight',
      '400',
      '--sndbuf',
      '4000000',
    ];
    const small = await rigUp('sink', { ...slow, optmem: 20480 });
    expect(await small.sender.sysctl('net.core.optmem_max')).toBe('20480');
    const refused = await probe(small, 'udp', small.receiverAddress.v4, 9, args);
    expect(refused.enobufs).toBeGreaterThan(0);
    const large = await rigUp('sink', { ...slow, optmem: 4_000_000 });
    const taken = await probe(large, 'udp', large.receiverAddress.v4, 9, args);
    expect(taken).toMatchObject({ enobufs: 0, zerocopied: refused.sends });
    expect(await (await rigUp('sink')).sender.sysctl('net.core.optmem_max')).toBe(outside);
  });

  it('sets other sysctls and the MTU', async () => {
    const rig = await rigUp('sink', { mtu: 9000, sysctls: { 'net.ipv4.ip_default_ttl': 7 } });
    expect(await rig.sender.sysctl('net.ipv4.ip_default_ttl')).toBe('7');
    const { stdout } = await rig.sender.run('ip', ['-o', 'link', 'show', rig.senderInterface.name]);
    expect(stdout).toContain('mtu 9000');
    expect(stdout).toContain(rig.senderInterface.mac);
  });

  it('runs programs inside, and says how they failed', async () => {
    const rig = await rigUp('sink');
    const echo = await rig.sender.run('cat', [], { input: 'through' });
    expect(echo).toMatchObject({ code: 0, stdout: 'through' });
    await expect(rig.sender.run('sh', ['-c', 'echo no >&2; exit 3'])).rejects.toThrow(/code 3\nno/);
    const unchecked = await rig.sender.run('sh', ['-c', 'exit 3'], { check: false });
    expect(unchecked.code).toBe(3);
    const here = await rig.sender.run('pwd', [], { cwd: import.meta.dirname });
    expect(here.stdout.trim()).toBe(import.meta.dirname);
    expect((await rig.sender.run('pwd')).stdout.trim()).toBe(process.cwd());
    const limit = await rig.sender.run('sh', ['-c', 'ulimit -l'], { memlock: 65536 });
    expect(limit.stdout.trim()).toBe('64');
  });
});

describe('veth with XDP', await needsRig('veth', { loss: 0.5 }), () => {
  describe.each([4, 6] as const)('over IPv%d', (family) => {
    it('delivers a stream without copying', async () => {
      const rig = await rigUp('veth');
      const { sent, received } = await exchange(rig, 'tcp', family, ['--bytes', String(50 * MB)]);
      expect(sent).toMatchObject({ copied: 0, zerocopied: sent.sends });
      expect(received).toMatchObject({ bytes: 50 * MB, wrongBytes: 0, eof: 1 });
    });

    it('delivers GSO trains of datagrams without copying', async () => {
      const rig = await rigUp('veth');
      await using receiver = await startReceiver({
        protocol: 'udp',
        family,
        namespace: rig.receiver,
      });
      const host = family === 4 ? rig.receiverAddress.v4 : rig.receiverAddress.v6;
      const args = ['--bytes', String(50 * MB), ...TRAINS];
      const sent = await probe(rig, 'udp', host, receiver.port, args);
      expect(sent).toMatchObject({ copied: 0, zerocopied: sent.sends });
      const report = await expectIntact(receiver, { bytes: 50 * MB, datagrams: sent.datagrams });
      expect(report.maxLength).toBe(1400);
    });
  });

  it('lets packets of another MTU through', async () => {
    const rig = await rigUp('veth', { mtu: 9000 });
    const { sent, received } = await exchange(rig, 'tcp', 4, ['--bytes', String(20 * MB)]);
    expect(sent).toMatchObject({ copied: 0, zerocopied: sent.sends });
    expect(received).toMatchObject({ bytes: 20 * MB, wrongBytes: 0 });
  });

  it('loses the share of packets that it is told', async () => {
    const rig = await rigUp('veth', { loss: 0.2 });
    await using receiver = await startReceiver({ protocol: 'udp', namespace: rig.receiver });
    const { v4 } = rig.receiverAddress;
    const args = ['--bytes', String(20_000 * 1000), '--size', '1000'];
    const sent = await probe(rig, 'udp', v4, receiver.port, args);
    expect(sent).toMatchObject({ datagrams: 20_000, copied: 0 });
    const { wrongBytes, missing, drops, duplicates } = await receiver.report();
    expect({ wrongBytes, drops, duplicates }).toEqual({ wrongBytes: 0, drops: 0, duplicates: 0 });
    // The standard deviation of the share is 0.003.
    expect(missing / 20_000).toBeGreaterThan(0.17);
    expect(missing / 20_000).toBeLessThan(0.23);
  });

  it('repeats what was lost of a stream, without copying', async () => {
    const rig = await rigUp('veth', { loss: 0.02 });
    const { sent, received } = await exchange(rig, 'tcp', 4, ['--bytes', String(50 * MB)]);
    expect(sent).toMatchObject({ copied: 0, zerocopied: sent.sends });
    expect(received).toMatchObject({ bytes: 50 * MB, wrongBytes: 0 });
    const { stdout } = await rig.sender.run('cat', ['/proc/net/snmp']);
    const [names = [], values = []] = stdout
      .split('\n')
      .filter((line) => line.startsWith('Tcp:'))
      .map((line) => line.split(' '));
    expect(Number(values[names.indexOf('RetransSegs')])).toBeGreaterThan(0);
  });

  it('is as slow as it is told, and still does not copy', async () => {
    const rig = await rigUp('veth', { rate: '100mbit' });
    const { sent, received } = await exchange(rig, 'tcp', 4, ['--bytes', String(6 * MB)]);
    expect(sent).toMatchObject({ copied: 0, zerocopied: sent.sends });
    expect(received).toMatchObject({ bytes: 6 * MB, wrongBytes: 0 });
    // 12.5 MB a second at most, after a burst of 128 KiB.
    expect(sent.seconds).toBeGreaterThan(0.4);
  });

  it('runs programs as another user, without capabilities', async () => {
    const rig = await rigUp('veth');
    const script = 'id -u; grep CapEff /proc/self/status; ulimit -l';
    const { stdout } = await rig.receiver!.run('sh', ['-c', script], { user: 1234, memlock: 8192 });
    expect(stdout).toBe('1234\nCapEff:\t0000000000000000\n8\n');
  });
});

describe('veth without XDP', await needsRig('veth-copy'), () => {
  it.each(['tcp', 'udp'] as const)('copies %s', async (protocol) => {
    const rig = await rigUp('veth-copy');
    const bytes = 5 * MB;
    const args = ['--bytes', String(bytes), ...(protocol === 'udp' ? TRAINS : [])];
    const { sent, received } = await exchange(rig, protocol, 4, args);
    expect(sent).toMatchObject({ zerocopied: 0, copied: sent.sends });
    expect(received).toMatchObject({ bytes, wrongBytes: 0 });
  });

  it('shows broken content', async () => {
    const rig = await rigUp('veth-copy');
    const args = ['--bytes', String(MB), '--control', 'flip'];
    const { received } = await exchange(rig, 'tcp', 4, args);
    expect(received.wrongBytes).toBe(1);
  });
});

describe('going away', await needsRig('sink'), () => {
  const program = fileURLToPath(new URL('ending.mjs', import.meta.url));

  /** What a process made that set a rig up and ended in this way, and how it ended. */
  async function endBy(how: string, kind: RigKind = 'sink') {
    const child = spawn(process.execPath, [program, how, kind], {
      stdio: ['ignore', 'pipe', how === 'throw' ? 'ignore' : 'inherit'],
    });
    const ended = once(child, 'exit');
    let line = '';
    for await (line of createInterface({ input: child.stdout })) break;
    const [code, signal] = await ended;
    const made = JSON.parse(line) as { name: string; receiver?: string; pids: number[] };
    return { ...made, pid: child.pid!, code, signal };
  }

  it.each([
    ['dispose', 0, null],
    ['exit', 0, null],
    ['throw', 1, null],
    ['SIGINT', null, 'SIGINT'],
    ['SIGTERM', null, 'SIGTERM'],
    ['SIGHUP', null, 'SIGHUP'],
  ])('leaves nothing behind: %s', async (how, code, signal) => {
    const made = await endBy(how, 'veth-copy');
    expect(made).toMatchObject({ code, signal });
    expect([made.name, made.receiver].filter((name) => namespaceExists(name!))).toEqual([]);
    await expect.poll(() => made.pids.filter(lives)).toEqual([]);
  });

  it('is not there any more after dispose, however often that is called', async () => {
    const rig = await createRig('veth-copy');
    const sleeper = rig.sender.spawn('sleep', ['600'], { stdio: 'ignore' });
    await Promise.all([rig.dispose(), rig.dispose()]);
    await rig[Symbol.asyncDispose]();
    expect(sleeper.signalCode).toBe('SIGKILL');
    expect(namespaceExists(rig.sender.name)).toBe(false);
    expect(process.listeners('SIGTERM').filter(({ name }) => name === 'onSignal')).toEqual([]);
    await expect(rig.sender.run('true')).rejects.toThrow();
  });

  it('of several rigs at once takes only the one that is meant', async () => {
    const [one, two] = [await rigUp('sink'), await rigUp('sink')];
    expect(one.sender.name).not.toBe(two.sender.name);
    await one.dispose();
    expect((await two.sender.run('true')).code).toBe(0);
  });

  it('is left to the next run by a killed one, which leaves living runs alone', async () => {
    const living = await rigUp('sink');
    // Another run on this machine may be quicker to clean up, or have left something itself.
    let cleanedHere = false;
    for (let i = 0; i < 5 && !cleanedHere; i++) {
      const made = await endBy('SIGKILL', 'veth-copy');
      expect(made.signal).toBe('SIGKILL');
      const root = namespaceExists(made.name);
      const removed = await cleanLeftovers();
      // As an ordinary user they hang on a process that ends, and cleans up, with the one killed.
      cleanedHere =
        !root || [made.name, made.receiver].every((name) => removed.includes(name as string));
      expect(namespaceExists(made.name)).toBe(false);
      await expect.poll(() => made.pids.filter(lives)).toEqual([]);
      expect(existsSync('/run/netns') ? readdirSync('/run/netns') : []).not.toContain(
        made.receiver,
      );
    }
    expect(cleanedHere).toBe(true);
    expect((await living.sender.run('true')).code).toBe(0);
  });
});

describe('mistakes', () => {
  it.each([
    [{ loss: 1 }, 'loss has to be above 0 and below 1, received 1'],
    [{ rate: 'fast; reboot' }, 'rate has to be'],
    [{ rate: { rate: '1mbit', burst: 'x' } }, 'rate.burst has to be'],
    [{ optmem: -1 }, 'optmem has to be a whole number above 0, received -1'],
    [{ mtu: 1.5 }, 'mtu has to be'],
  ] as [RigOptions, string][])('are told: %j', async (options, message) => {
    await expect(createRig('sink', options)).rejects.toThrow(message);
  });

  it('are told: a kind that does not exist', async () => {
    await expect(createRig('tunnel' as RigKind)).rejects.toThrow('one of sink,veth,veth-copy');
  });
});
