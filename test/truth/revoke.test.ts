import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BufferPool } from 'zerosend';
import { needsRig } from '../rig/needs.js';
import { type Case, giveUp } from './giving-up.js';

/** Whether the system gives huge pages to who asks for them. */
const transparent = (() => {
  try {
    const path = '/sys/kernel/mm/transparent_hugepage/enabled';
    return !readFileSync(path, 'utf8').includes('[never]');
  } catch {
    return false;
  }
})();

/** Gives up, and asserts that what is written afterwards has not gone out in its place. */
async function expectSafe(how: Case) {
  const { report, received, count } = await giveUp(how);
  const { second } = report;
  // The receiver has nothing but the old content, up to where it was cut off, and the new.
  expect(received).toMatchObject({ checked: true, wrongBytes: 0 });
  if (how.protocol === 'tcp') {
    expect(received).toMatchObject({ resets: 1, eof: 1, accepted: 2 });
    expect(received.connections?.[0]).toMatchObject({ seed: 1, state: 'reset' });
    expect(received.connections?.[1]).toMatchObject({ seed: 2, bytes: second.bytes });
  } else {
    const all = report.datagrams + second.datagrams;
    expect(received).toMatchObject({ unique: all, corrupt: 0, duplicates: 0, missing: 0 });
  }
  // And there was something to corrupt.
  expect(report.how.revoked).toBeGreaterThanOrEqual(4);
  expect(report.closed).toMatchObject({ outcome: 'revoked', ids: count });
  expect(report).toMatchObject({ missing: 0, twice: 0, unknown: 0, inFlight: 0 });
  expect(second.closed.outcome).toBe('drained');
  expect(second.how).toEqual({ zerocopy: second.ids });
  return report;
}

describe('what is given up while a slow link holds it back', await needsRig('veth'), () => {
  describe.each(['abort', 'close'] as const)('by %s()', (how) => {
    it.each([
      ['transparent', 'tcp'],
      ['transparent', 'udp'],
      ['none', 'tcp'],
      ['none', 'udp'],
      ['separate arrays', 'tcp'],
      ['separate arrays', 'udp'],
      ['shared array', 'tcp'],
      ['WebAssembly', 'tcp'],
      ['WebAssembly', 'udp'],
    ] as const)('memory %s over %s may be rewritten at once', async (memory, protocol) => {
      const { huge } = await expectSafe({ protocol, how, memory });
      if (memory === 'transparent' && transparent) expect(huge).toBeGreaterThan(0);
      if (memory === 'none') expect(huge).toBe(0);
    });

    it('reserved huge pages may be rewritten at once, where there are any', async () => {
      try {
        new BufferPool({ bufferSize: 2 ** 21, count: 192, hugePages: 'explicit' });
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_ZEROSEND_NO_HUGE_PAGES' });
        console.log('not applicable: no huge pages reserved');
        return;
      }
      for (const protocol of ['tcp', 'udp'] as const) {
        await expectSafe({ protocol, how, memory: 'explicit' });
      }
    });
  });

  // The same without the replacement of the pages, or without what parts plain memory.
  it.each([
    ['transparent', 'tcp', 'abort'],
    ['transparent', 'udp', 'abort'],
    ['none', 'tcp', 'close'],
    ['separate arrays', 'tcp', 'abort'],
    ['separate arrays', 'udp', 'close'],
    ['WebAssembly', 'udp', 'abort'],
  ] as const)(
    'memory %s over %s is caught rewritten when it was not parted',
    async (memory, protocol, how) => {
      const { report, received } = await giveUp({ protocol, how, memory, broken: true });
      expect(report.how.revoked).toBeGreaterThanOrEqual(4);
      expect(received.checked).toBe(true);
      if (protocol === 'tcp') expect(received.wrongBytes).toBeGreaterThan(50_000);
      else expect(received.corrupt + received.duplicates).toBeGreaterThan(50);
    },
  );
});
