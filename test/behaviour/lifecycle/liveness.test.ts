import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

async function start(what: string) {
  const slow = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
  const fast = await startPeer({ protocol: 'tcp', discard: true });
  const udp = await startPeer({ protocol: 'udp', discard: true });
  const ports = { slow: slow.port, fast: fast.port, udp: udp.port };
  const url = new URL('./programs/liveness.mjs', import.meta.url);
  return { slow, program: new Program(url, { what, ...ports }) };
}

/** Three ticks of a timer that does not keep the process alive: something else does. */
async function expectAlive(program: Program): Promise<void> {
  while ((await program.next('tick')).ticks < 3);
}

const cleanly = { code: 0, signal: null, stderr: '' };

describe('a process', () => {
  it('ends by itself when all its sockets are idle', async () => {
    const { program } = await start('idle sockets');
    expect(await program.exit()).toMatchObject(cleanly);
    expect(await program.next('exit')).toMatchObject({ open: 3 });
  });

  it('ends by itself when everything it sent has completed', async () => {
    const { program } = await start('sockets that have sent');
    expect(await program.exit()).toMatchObject(cleanly);
    expect(await program.next('exit')).toMatchObject({ inFlight: [0, 0] });
  });

  it('stays alive while sends are in flight, and ends then', async () => {
    const { program, slow } = await start('sends in flight');
    await program.next('ready');
    await expectAlive(program);
    await slow.resume();
    await program.next('complete');
    expect(await program.exit()).toMatchObject(cleanly);
    expect(program.messages.at(-1)).toEqual({ type: 'exit', inFlight: 0 });
  });

  it('stays alive until a close has ended', async () => {
    const { program, slow } = await start('a close under way');
    await program.next('ready');
    await expectAlive(program);
    await slow.resume();
    expect(await program.next('closed')).toMatchObject({ outcome: 'drained', unfinished: 0 });
    expect(await program.exit()).toMatchObject(cleanly);
  });

  it('stays alive for an idle socket with ref()', async () => {
    const { program } = await start('ref()');
    expect(await program.exit()).toMatchObject(cleanly);
    expect((await program.next('exit')).ticks).toBeGreaterThanOrEqual(3);
  });

  it('does not stay alive for sends in flight of a socket with unref()', async () => {
    const { program } = await start('unref()');
    expect(await program.exit()).toMatchObject(cleanly);
    expect((await program.next('exit')).inFlight).toBeGreaterThan(5);
  });

  it('does not stay alive for the close of a socket with unref()', async () => {
    const { program } = await start('unref() and close()');
    expect(await program.exit()).toMatchObject(cleanly);
    expect((await program.next('exit')).inFlight).toBeGreaterThan(5);
  });

  it('stays alive for a close that lingers until the peer has everything', async () => {
    const { program, slow } = await start('a close that lingers');
    await program.next('ready');
    await expectAlive(program);
    await slow.resume();
    expect(await program.next('closed')).toMatchObject({ outcome: 'drained', unfinished: 0 });
    expect(await program.exit()).toMatchObject(cleanly);
  });

  it('does not stay alive for such a close of a socket with unref()', async () => {
    const { program } = await start('unref() and a close that lingers');
    expect(await program.exit()).toMatchObject(cleanly);
    expect(await program.next('exit')).toEqual({ type: 'exit', inFlight: 0, open: true });
  });

  it('can let go later', async () => {
    const { program } = await start('unref() while waiting');
    expect(await program.exit()).toMatchObject(cleanly);
    const { ticks, inFlight } = await program.next('exit');
    expect([ticks >= 3, inFlight > 5]).toEqual([true, true]);
  });
});
