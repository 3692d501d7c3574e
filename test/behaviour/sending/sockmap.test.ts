import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compileProgram } from '../../../rig/index.mjs';
import { Completions } from '../../support/completions.js';
import { StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, startPeer } from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';
import { isRoot, needs } from '../../support/requirements.js';

// A BPF program that gets what is sent before TCP does takes several kernel ids for one send.
const LENGTH = 65_000;
const COUNT = 300;

/** Has connections of this process to a port in a sockmap. */
async function intercept(port: number): Promise<void> {
  const loader = await compileProgram('bpf_load');
  const helper = spawn(loader, ['sockmap', String(process.pid), String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void helper.stdin.end());
  const [said] = await within(once(helper.stdout, 'data'), 'the sockmap');
  expect(String(said)).toBe('1\n');
}

describe('a TCP connection in a sockmap', needs(isRoot(), 'root, for BPF programs'), () => {
  it.each(['always', 'auto'] as const)('completes every id: zeroCopy %s', async (zeroCopy) => {
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool({ count: 8 });
    const socket = await connectTo(peer, { zeroCopy, zeroCopyThreshold: 0 });
    const completions = new Completions(socket);
    const content = new StreamContent();
    await intercept(peer.port);
    while (socket.nextId < COUNT) {
      const buffer = await within(pool.acquire(), 'a buffer');
      content.fill(buffer.bytes, LENGTH);
      socket.send(buffer, LENGTH);
    }
    await within(socket.flush(), 'flush()');
    expect(socket.info().zeroCopy).toMatchObject({
      active: false,
      reason: expect.stringContaining('sockmap'),
    });
    completions.expectEachOnce(COUNT);
    expectAllFree(pool);
    await within(socket.close(), 'close()');
    await expectIntact(peer, { bytes: COUNT * LENGTH });
  });

  it('gets its buffers back in a loop that never yields', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool({ count: 8 });
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    const content = new StreamContent();
    await intercept(peer.port);
    const end = performance.now() + 20_000;
    while (socket.nextId < COUNT && performance.now() < end) {
      const buffer = pool.tryAcquire();
      if (buffer === null) continue;
      content.fill(buffer.bytes, LENGTH);
      socket.send(buffer, LENGTH);
    }
    expect(socket.nextId).toBe(COUNT);
    await within(socket.close(), 'close()');
    await expectIntact(peer, { bytes: COUNT * LENGTH });
  });
});
