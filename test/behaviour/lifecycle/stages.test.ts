import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

const WAYS = [
  ['return', { code: 0, signal: null }],
  ['exit', { code: 3, signal: null }],
  ['exception', { code: 1, signal: null }],
  ['SIGTERM', { code: null, signal: 'SIGTERM' }],
  ['SIGKILL', { code: null, signal: 'SIGKILL' }],
] as const;

/** Processes that were given this mark, and what they have made by themselves. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark);
    } catch {
      return false; // gone meanwhile
    }
  });
}

/** At a stage, all ways at once, since each takes its time to start. */
async function endAt(stage: string, { connects }: { connects: boolean }): Promise<Program[]> {
  const tcp = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
  const udp = await startPeer({ protocol: 'udp', discard: true });
  const silent = new Program(new URL('../sending/programs/silent-port.mjs', import.meta.url), {});
  const { port } = await silent.next('full');
  const mark = randomUUID();
  const url = new URL('./programs/stages.mjs', import.meta.url);
  const programs = await Promise.all(
    WAYS.map(async ([way, expected]) => {
      const argument = { stage, way, tcp: tcp.port, udp: udp.port, silent: port, mark };
      const program = new Program(url, argument);
      await program.next('reached');
      if (way === 'SIGTERM' || way === 'SIGKILL') {
        expect(program.running).toBe(true);
        program.kill(way);
      }
      const { stderr, ...ended } = await program.exit();
      expect([way, ended]).toMatchObject([way, expected]);
      // Nothing but the exception that was asked for: no crash, no warning.
      if (way === 'exception') expect(stderr).toContain('Error: thrown on purpose');
      else expect([way, stderr]).toEqual([way, '']);
      return program;
    }),
  );
  expect(processesWith(mark)).toEqual([]);
  if (connects) {
    // What the kernel held goes out all the same, from memory that nobody has changed.
    await tcp.resume();
    const report = await tcp.until((now) => now.accepted === WAYS.length && now.open === 0);
    expect(report).toMatchObject({ wrongBytes: 0 });
  }
  return programs;
}

const inFlight = (program: Program) =>
  program.messages.find(({ type }) => type === 'reached')?.inFlight;

describe('a process that ends by return, exit, exception, SIGTERM or SIGKILL leaves nothing', () => {
  it('before it has opened a socket', async () => {
    await endAt('before open', { connects: false });
  });

  it('while it is connecting', async () => {
    await endAt('connecting', { connects: false });
  });

  it.each(['sending', 'outstanding', 'closing'])('%s, with ids outstanding', async (stage) => {
    const programs = await endAt(stage, { connects: true });
    for (const program of programs) expect(inFlight(program)).toBeGreaterThan(5);
  });

  it('when everything is closed', async () => {
    const programs = await endAt('closed', { connects: true });
    for (const program of programs) expect(inFlight(program)).toBe(0);
  });
});
