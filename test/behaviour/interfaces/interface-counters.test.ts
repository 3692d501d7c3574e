import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SocketStats, XdpSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { within } from '../../support/deadline.js';
import { addPair, countsOf, ip, ownLinks, run } from '../../support/links.js';
import { itInline } from '../../support/submit.js';
import { EXACT, open, take } from './kinds.mjs';

/** On a pair of interfaces on which nobody but the socket under test sends. */
async function account(kind: 'packet' | 'xdp', prepare: (name: string) => void = () => {}) {
  // The default as well: an interface whose MTU was below IPv6's least begins anew with it, and would
  // report its multicast groups a moment later.
  writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
  const { name, peer } = addPair();
  prepare(name);
  const place = { interface: name, address: '', ports: { tcp: 0, udp: 0 } };
  const { socket, pool, length } = await open(kind, place, 64);
  const counts = () => {
    const { packets, dropped } = countsOf(name).tx;
    const [qdisc] = JSON.parse(run(`tc -s -j qdisc show dev ${name}`));
    const qdiscDrops: number = qdisc?.kind === 'tbf' ? qdisc.drops : 0;
    return { packets, dropped, qdiscDrops, ...socket.stats() };
  };
  let last = counts();
  /** What has changed since the last look, by both. */
  const look = () => {
    const now = counts();
    const since = (what: keyof SocketStats | 'packets' | 'dropped' | 'qdiscDrops') =>
      Number(now[what]) - Number(last[what]);
    const change = {
      released: since('zerocopy') + since('copied') + since('inlined'),
      failed: since('failed'),
      revoked: since('revoked'),
      refused: since('refusedFrames'),
      droppedFrames: since('droppedFrames'),
      packets: since('packets'),
      dropped: since('dropped'),
      qdiscDrops: since('qdiscDrops'),
    };
    last = now;
    return change;
  };
  const send = async (count: number, bytes = length) => {
    for (let i = 0; i < count; i++) {
      socket.send(pool.tryAcquire() ?? (await pool.acquire()), bytes);
    }
  };
  const settled = () => within(socket.flush(), 'all frames to leave');
  return { name, peer, socket, pool, ids: IdChecker.of(socket), look, send, settled };
}

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

describe('stats() and the counters of the interface', ownLinks(), () => {
  it('agree on frames of AF_XDP sent, dropped and never sent', async () => {
    const { name, peer, socket, pool, ids, look, send, settled } = await account('xdp');
    await send(1000);
    await settled();
    expect(look()).toEqual({ ...NOTHING, released: 1000, packets: 1000 });
    // Without a carrier. The kernel lets go of what the device drops as of what it sends.
    ip(`link set ${peer} down`);
    await send(150);
    await settled();
    const drops = { released: 150, droppedFrames: 150, dropped: 150 };
    expect(look()).toEqual({ ...NOTHING, ...drops });
    // A packet out of several frames is one that is dropped.
    for (let i = 0; i < 10; i++) {
      const frames = [take(pool), take(pool), take(pool)];
      (socket as XdpSocket).sendPacket(frames, [400, 400, 200]);
    }
    await settled();
    expect(look()).toEqual({ ...NOTHING, released: 10, droppedFrames: 10, dropped: 10 });
    ip(`link set ${peer} up`);
    await delay(50);
    await send(100);
    await settled();
    expect(look()).toEqual({ ...NOTHING, released: 100, packets: 100 });
    ip(`link set ${name} down`);
    await send(20);
    const report = await socket.close({ timeout: 50 });
    expect(look()).toEqual({ ...NOTHING, revoked: 20 });
    expect(report).toMatchObject({ outcome: 'revoked', ids: 1280, unfinished: 20 });
    const how = { copied: 1260, revoked: 20 };
    expect(ids.result()).toMatchObject({ ...EXACT, ids: 1280, how });
  });

  // docs/submission-thread.md, "when the kernel is told of frames".
  itInline('agree on frames of the transmit ring sent, refused and never sent', async () => {
    const { name, socket, ids, look, send, settled } = await account('packet', (device) => {
      run(`tc qdisc add dev ${device} root tbf rate 8mbit burst 4kb limit 10kb`);
    });
    await send(2);
    await settled();
    expect(look()).toEqual({ ...NOTHING, released: 2, packets: 2 });
    // Each refusal is a drop to the queueing discipline; the frame is tried again, and goes out once.
    await send(200);
    await settled();
    const { refused, ...behind } = look();
    const { refused: _, ...nothing } = NOTHING;
    const all = { released: 200, packets: 200, qdiscDrops: refused };
    expect(behind).toEqual({ ...nothing, ...all });
    expect(refused).toBeGreaterThan(10);
    run(`tc qdisc del dev ${name} root`);
    look(); // the next one starts here
    await send(1000);
    await settled();
    expect(look()).toEqual({ ...NOTHING, released: 1000, packets: 1000 });
    // Longer than the MTU has become before the kernel is told of them: found malformed.
    const handedOver = send(2);
    ip(`link set ${name} mtu 900`);
    await handedOver;
    await settled();
    expect(look()).toEqual({ ...NOTHING, failed: 2 });
    ip(`link set ${name} mtu 1500`);
    ip(`link set ${name} down`);
    await send(20, 800);
    const report = await socket.close({ timeout: 50 });
    expect(look()).toEqual({ ...NOTHING, failed: 20 });
    expect(report).toMatchObject({ outcome: 'aborted', ids: 1224, unfinished: 22 });
    expect(ids.result()).toMatchObject({ ...EXACT, how: { zerocopy: 1202, failed: 22 } });
  });
});
