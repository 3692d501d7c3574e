import { describe, expect, it, onTestFinished } from 'vitest';
import { XdpSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { until, within } from '../../support/deadline.js';
import { addPair, ip, ownLinks } from '../../support/links.js';
import { EXACT, take } from './kinds.mjs';

const RING = 64;
const LENGTH = 4096;
/** More than one turn of the poller thread hands over: 2 MiB. */
const BEHIND = 1000;

// Sends of the submission thread for which the ring has no room are left to the poller thread.
describe('sends that wait for room in a ring', ownLinks(), () => {
  /** A socket whose ring is full while its interface is down, with many sends behind that. */
  async function parked() {
    const { name, peer } = addPair();
    for (const end of [name, peer]) ip(`link set ${end} mtu 9000`);
    const options = { frames: RING, frameSize: LENGTH, submit: 'thread' } as const;
    const socket = await XdpSocket.open({ interface: name, ...options });
    onTestFinished(() => void socket.abort());
    const ids = IdChecker.of(socket);
    ip(`link set ${name} down`);
    const buffer = take(socket.pool);
    buffer.bytes.fill(2);
    buffer.retain(RING + BEHIND - 1);
    for (let i = 0; i < RING + BEHIND; i++) socket.send(buffer, LENGTH);
    await until(() => socket.stats().submit?.depth === BEHIND, 'the ring to be full');
    await until(() => socket.stats().wakes > 1, 'the poller thread to try');
    return { name, socket, ids };
  }

  it('go out when there is room, however many they are', async () => {
    const { name, socket, ids } = await parked();
    let drains = 0;
    socket.on('drain', () => void drains++);
    expect(socket.needDrain).toBe(true);
    ip(`link set ${name} up`);
    await within(socket.flush(), 'all frames to leave');
    await until(() => drains > 0, "'drain'");
    expect(socket.needDrain).toBe(false);
    expect(socket.pool.free).toBe(RING);
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: RING + BEHIND });
    expect(ids.result()).toMatchObject({ how: { copied: RING + BEHIND }, ...EXACT });
  });

  it('fail at once when the interface is removed, however many they are', async () => {
    const { name, socket, ids } = await parked();
    const errors: unknown[] = [];
    socket.on('error', (error) => void errors.push(error));
    ip(`link delete ${name}`);
    await within(socket.flush(), 'all ids to fail', 4000); // not by close, which gives up after 5 s
    expect(ids.result()).toMatchObject({ how: { failed: RING + BEHIND }, ...EXACT });
    await until(() => errors.length > 0, 'the error');
    expect(errors).toMatchObject([{ code: 'ENXIO' }]);
  });
});
