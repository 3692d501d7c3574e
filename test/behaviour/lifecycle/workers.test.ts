import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

const url = new URL('./programs/workers.mjs', import.meta.url);
const MB = 1 << 20;

describe('worker threads', () => {
  it('each have their own pool, sockets and ids', async () => {
    const streams = [11, 12, 13, 14];
    const tcp = await startPeer({ protocol: 'tcp', seed: 'any' });
    const udp = await startPeer({ protocol: 'udp', discard: true });
    const argument = { streams, rounds: 0, roles: [], tcp: tcp.port, udp: udp.port };
    const program = new Program(url, argument);
    const done = await program.next('done');
    expect(await program.exit()).toMatchObject({ code: 0, signal: null, stderr: '' });
    for (const result of done.results) {
      expect(result).toMatchObject({ code: 0, wrongIds: 0, once: true });
      expect(result.report).toMatchObject({ outcome: 'drained', ids: 300, unfinished: 0 });
    }
    const sent = new Map(done.results.map(({ seed, bytes }: never) => [seed, bytes]));
    await tcp.until(({ eof }) => eof === streams.length);
    const { connections = [], ...report } = await tcp.stop();
    expect(report).toMatchObject({ wrongBytes: 0, resets: 0 });
    expect(new Map(connections.map(({ seed, bytes }) => [seed, bytes]))).toEqual(sent);
  });

  it('are terminated sixty times with ids outstanding, and at every other stage: no crash, no leak, and nobody else is hurt', async () => {
    const withIds = ['idle', 'busy', 'closing'];
    const others = ['unopened', 'connecting', 'closed', 'exiting'];
    const roles = [...withIds, ...withIds, ...withIds, ...withIds, ...others];
    const rounds = 5 * roles.length;
    const tcp = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
    const udp = await startPeer({ protocol: 'udp', discard: true });
    const argument = { streams: [], rounds, roles, tcp: tcp.port, udp: udp.port };
    const program = new Program(url, argument, { timeout: 60_000 });
    const done = await program.next('done');
    expect(await program.exit()).toMatchObject({ code: 0, signal: null, stderr: '' });
    const codes = roles.map((role) => (role === 'exiting' ? 5 : 1));
    expect(done.codes).toEqual(Array.from({ length: rounds }, (_, i) => codes[i % roles.length]));
    expect(done.outstanding).toBe(60);
    expect(done.report).toMatchObject({ outcome: 'drained', ids: done.sent, unfinished: 0 });
    expect([done.completed, done.free]).toEqual([done.sent, 8]);

    expect(done.after.descriptors).toBe(done.before.descriptors);
    expect(done.after.threads).toBe(done.before.threads);
    // Each worker has touched 10 MB of slab at the least.
    console.log(`rss grew by ${((done.after.rss - done.before.rss) / MB).toFixed(1)} MiB`);
    expect(done.after.rss - done.before.rss).toBeLessThan(64 * MB);

    // What the kernel held goes out all the same, from memory that nobody has changed.
    await tcp.resume();
    const connected = rounds - rounds / roles.length; // all but those that open nothing
    const report = await tcp.until(({ accepted, open }) => accepted === connected && open === 0);
    expect(report).toMatchObject({ wrongBytes: 0 });
    expect(report.bytes).toBeGreaterThan(65_536 * 65); // those with ids, and those that exit
  }, 60_000);

  it('may be terminated within any call', async () => {
    const udp = await startPeer({ protocol: 'udp', discard: true });
    const program = new Program(
      new URL('./programs/terminated.mjs', import.meta.url),
      { workers: 160, port: udp.port },
      { timeout: 60_000 },
    );
    const { codes } = await program.next('done');
    expect(await program.exit()).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(codes).toEqual(Array(160).fill(1));
  }, 60_000);
});
