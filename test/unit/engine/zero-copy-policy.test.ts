import { describe, expect, it, vi } from 'vitest';
import {
  KIND_COPIED,
  KIND_FAILURE,
  KIND_INLINE,
  KIND_REVOKED,
  KIND_ZEROCOPY,
} from '../../../lib/addon/addon.js';
import { ZeroCopyPolicy } from '../../../lib/engine/zero-copy-policy.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

/** How many of so many sends ask. */
function asks(policy: ZeroCopyPolicy, sends: number, length = 65_536): number {
  let asked = 0;
  for (let i = 0; i < sends; i++) if (policy.wants(length)) asked++;
  return asked;
}

function copied(policy: ZeroCopyPolicy, answers: number): void {
  for (let i = 0; i < answers; i++) policy.observe(KIND_COPIED, 1);
}

describe("'auto'", () => {
  it('asks at and above the threshold', () => {
    const policy = new ZeroCopyPolicy('auto', 10_240);
    expect([0, 1, 10_239, 10_240, 10_241].map((n) => policy.wants(n))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
  });

  it('asks always where the threshold is 0', () => {
    expect(new ZeroCopyPolicy('auto', 0).wants(1)).toBe(true);
  });

  it('stops after sixteen copied answers in a row, not before', () => {
    const policy = new ZeroCopyPolicy('auto', 0);
    copied(policy, 15);
    expect(policy.suspended).toBe(false);
    expect(asks(policy, 100)).toBe(100);
    policy.observe(KIND_COPIED, 1);
    expect(policy.suspended).toBe(true);
    expect(asks(policy, 100)).toBe(0);
  });

  it('takes a range for one answer, however many ids were merged in it', () => {
    const policy = new ZeroCopyPolicy('auto', 0);
    for (let i = 0; i < 15; i++) policy.observe(KIND_COPIED, 500);
    expect(policy.suspended).toBe(false);
    policy.observe(KIND_COPIED, 1);
    expect(policy.suspended).toBe(true);
  });

  it('takes a range of ids that had all completed before for none', () => {
    const policy = new ZeroCopyPolicy('auto', 0);
    for (let i = 0; i < 100; i++) policy.observe(KIND_COPIED, 0);
    expect(policy.suspended).toBe(false);
    copied(policy, 16);
    policy.observe(KIND_ZEROCOPY, 0);
    expect(policy.suspended).toBe(true);
  });

  it('starts to count again after an answer that was not copied', () => {
    const policy = new ZeroCopyPolicy('auto', 0);
    for (let i = 0; i < 10; i++) {
      copied(policy, 15);
      policy.observe(KIND_ZEROCOPY, 1);
    }
    expect(policy.suspended).toBe(false);
    expect(policy.wants(1)).toBe(true);
  });

  it('learns nothing from sends that did not ask or never left', () => {
    const policy = new ZeroCopyPolicy('auto', 0);
    for (const kind of [KIND_INLINE, KIND_REVOKED, KIND_FAILURE]) policy.observe(kind, 1000);
    expect(policy.suspended).toBe(false);
    copied(policy, 16);
    for (const kind of [KIND_INLINE, KIND_REVOKED, KIND_FAILURE]) policy.observe(kind, 1000);
    expect(policy.suspended).toBe(true);
  });

  it('goes on asking once in 1024 sends while suspended', () => {
    const policy = new ZeroCopyPolicy('auto', 10_240);
    copied(policy, 16);
    expect(asks(policy, 1023)).toBe(0);
    expect(policy.wants(65_536)).toBe(true);
    expect(asks(policy, 10 * 1024)).toBe(10);
    // Sends below the threshold are no occasion.
    expect(asks(policy, 5000, 100)).toBe(0);
    expect(asks(policy, 1023)).toBe(0);
  });

  it('asks for every send again after a probe that was not copied', () => {
    const policy = new ZeroCopyPolicy('auto', 0);
    copied(policy, 16);
    expect(asks(policy, 1024)).toBe(1);
    policy.observe(KIND_COPIED, 1); // the answer to the probe
    expect(asks(policy, 1024)).toBe(1);
    policy.observe(KIND_ZEROCOPY, 1);
    expect(policy.suspended).toBe(false);
    expect(asks(policy, 100)).toBe(100);
  });
});

describe("'always' and 'never'", () => {
  it("'always' asks for every send, whatever the answers", () => {
    const policy = new ZeroCopyPolicy('always', 10_240);
    copied(policy, 10_000);
    expect(policy.suspended).toBe(false);
    expect(asks(policy, 3000, 1)).toBe(3000);
  });

  it("'never' asks for none", () => {
    const policy = new ZeroCopyPolicy('never', 0);
    policy.observe(KIND_ZEROCOPY, 10);
    expect(asks(policy, 3000, 2 ** 32 - 1)).toBe(0);
  });
});
