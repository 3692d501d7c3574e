import { describe, expect, it } from 'vitest';
import { needsRig } from '../../rig/needs.js';
import { setStage } from './place.js';

const EXACT = { missing: 0, twice: 0, unknown: 0 };
const NOTHING = {
  released: 0,
  failed: 0,
  revoked: 0,
  refused: 0,
  droppedFrames: 0,
  packets: 0,
  dropped: 0,
  qdiscDrops: 0,
};

/** Each in a namespace of its own: what is counted there, the socket has sent. */
async function seen(kind: 'packet' | 'xdp') {
  const stage = await setStage();
  try {
    return await stage.run('account-scenarios.mjs', kind, kind);
  } finally {
    await stage.dispose();
  }
}

describe('stats() and the counters of the interface', await needsRig('veth'), () => {
  it('agree on frames of AF_XDP sent, dropped and never sent', async () => {
    const account = await seen('xdp');
    expect(account.sent).toEqual({ ...NOTHING, released: 1000, packets: 1000 });
    // The kernel lets go of what the device drops as of what it sends.
    const drops = { released: 150, droppedFrames: 150, dropped: 150 };
    expect(account.noCarrier).toEqual({ ...NOTHING, ...drops });
    const packets = { released: 10, droppedFrames: 10, dropped: 10 };
    expect(account.packetsDropped).toEqual({ ...NOTHING, ...packets });
    expect(account.again).toEqual({ ...NOTHING, released: 100, packets: 100 });
    expect(account.never).toEqual({ ...NOTHING, revoked: 20 });
    expect(account.report).toMatchObject({ outcome: 'revoked', ids: 1280, unfinished: 20 });
    expect(account).toMatchObject({ ids: 1280, how: { copied: 1260, revoked: 20 }, ...EXACT });
  });

  it('agree on frames of the transmit ring sent, refused and never sent', async () => {
    const account = await seen('packet');
    expect(account.sent).toEqual({ ...NOTHING, released: 2, packets: 2 });
    // Each refusal is a drop to the queueing discipline; the frame is tried again, and goes out once.
    const { refused, ...behind } = account.behind;
    expect(behind).toEqual({
      ...NOTHING,
      refused: undefined,
      released: 200,
      packets: 200,
      qdiscDrops: refused,
    });
    expect(refused).toBeGreaterThan(10);
    expect(account.again).toEqual({ ...NOTHING, released: 1000, packets: 1000 });
    expect(account.malformed).toEqual({ ...NOTHING, failed: 2 });
    expect(account.never).toEqual({ ...NOTHING, failed: 20 });
    expect(account.report).toMatchObject({ outcome: 'aborted', ids: 1224, unfinished: 22 });
    expect(account).toMatchObject({ how: { zerocopy: 1202, failed: 22 }, ...EXACT });
  });
});
