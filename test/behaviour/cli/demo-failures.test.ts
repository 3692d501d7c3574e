import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { Running, zerosend } from './shell.js';

/** A process that has ended, but whose parent has not asked how, does not live. */
function lives(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function expectGone(pid: number): Promise<void> {
  for (let left = 100; left > 0 && lives(pid); left--) await sleep(50);
  expect(lives(pid)).toBe(false);
}

/** Starts a long run, and waits until it sends; `childPid` is its child process. */
async function sending(transport: string) {
  const args = ['--only', transport, '--seconds', '40'];
  const argv = [process.execPath, zerosend, 'demo', ...args];
  const running = new Running(argv, { timeout: 60_000 });
  const { child } = running;
  const pid = child.pid as number;
  await running.printed(/ in flight/);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const childPid = Number(children.trim());
  expect(childPid, `one child: '${children}'`).toBeGreaterThan(0);
  return { child, childPid, ended: running.ended() };
}

const transports = ['udp', 'tcp'];
const sink = describe.each(['sink']);

describe.each(transports)('zerosend demo --only %s', (transport) => {
  it('fails when the receiver dies', async () => {
    const { childPid, ended } = await sending(transport);
    process.kill(childPid, 'SIGKILL');
    const { code, stdout } = await ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^NOT RIGHT:$/m);
    expect(stdout).toContain('the receiver has ended by itself (SIGKILL)');
    expect(stdout).not.toContain('exactly once');
  });
});

sink('zerosend demo --only %s', (transport) => {
  const namespaces = needs(canMakeNamespaces(), 'making network namespaces');

  it('fails when the sender inside dies', namespaces, async () => {
    const { childPid, ended } = await sending(transport);
    process.kill(childPid, 'SIGKILL');
    const { code, stdout } = await ended;
    expect(code).toBe(1);
    expect(stdout).toContain('sink: the sink has ended by itself (SIGKILL)');
  });

  it('Ctrl-C ends it with the table so far', namespaces, async () => {
    const { child, childPid, ended } = await sending(transport);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ids completed +[1-9][\d,]* +[\d,]+$/m);
    expect(lives(childPid)).toBe(false);
  });
});

describe('zerosend demo, ended from outside', () => {
  it('Ctrl-C ends it with the table so far, and its children', async () => {
    const { child, childPid, ended } = await sending('tcp');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ids completed +[1-9][\d,]*$/m);
    expect(stdout).toContain('Ended early, by a signal.');
    expect(stdout).toContain('Every id completed exactly once, and every byte was right.');
    expect(lives(childPid)).toBe(false);
  });

  // As a service manager sends it.
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s to each of its processes is one to it',
    async (signal) => {
      const { child, childPid, ended } = await sending('udp');
      process.kill(childPid, signal);
      child.kill(signal);
      const { code, stdout } = await ended;
      expect(stdout).toContain('Every id completed exactly once, and every byte was right.');
      expect(code).toBe(0);
    },
  );

  it('has children that no signal to its process group reaches, also while they begin', async () => {
    const { child, childPid } = await sending('udp');
    const groupOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[4];
    expect(groupOf(childPid)).not.toBe(groupOf(child.pid as number));
  });

  it.each(['tcp', 'udp'])('%s: takes its children along when it is killed', async (transport) => {
    const { child, childPid, ended } = await sending(transport);
    child.kill('SIGKILL');
    await ended;
    await expectGone(childPid);
  });
});

describe('the watchdog', () => {
  it('ends a process whose main thread never comes back', () => {
    const processes = new URL('../../../dist/cli/demo/processes.js', import.meta.url);
    const watchdog = JSON.stringify(processes);
    const code = `
      const { startWatchdog } = await import(${watchdog});
      startWatchdog(1, 'this test');
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (;;);`;
    const { signal, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', code],
      { encoding: 'utf8', timeout: 20_000 },
    );
    expect(signal).toBe('SIGKILL');
    expect(stderr.trim()).toBe('this test hangs: not at its end after 1 s');
  });
});
