import { describe, expect, it } from 'vitest';
import { BufferPool, UdpSocket } from 'zerosend';
import { IdChecker } from '../../rig/ids.mjs';
import { fillTrain, startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { stopWhenQuiet } from './receiving.js';

const SEGMENT = 1400;
const LENGTH = 11 * SEGMENT;

describe("zeroCopy 'auto'", await needsRig('veth', { here: true }), () => {
  it('goes off where the kernel copies, and on again where it does not', async () => {
    const rig = await rigUp('veth', { here: true });
    await using copying = await startReceiver({ protocol: 'udp' });
    await using direct = await startReceiver({ protocol: 'udp', namespace: rig.receiver });
    const pool = new BufferPool({ bufferSize: 65_536, count: 64 });
    const socket = await UdpSocket.open({ segmentSize: SEGMENT });
    const ids = IdChecker.of(socket);
    let position = 0;
    /** How many sends it takes until zero copy is on, or off. */
    const sendUntil = async (active: boolean, to: { address: string; port: number }) => {
      let sends = 0;
      for (; socket.info().zeroCopy.active !== active && sends < 5000; sends++) {
        const buffer = pool.tryAcquire() ?? (await pool.acquire());
        position += fillTrain(buffer.bytes, LENGTH, SEGMENT, position, 1);
        socket.sendTo(buffer, LENGTH, to);
        await socket.flush();
      }
      return sends;
    };
    for (let round = 0; round < 2; round++) {
      const loopback = { address: '127.0.0.1', port: copying.port };
      expect(await sendUntil(false, loopback)).toBe(16); // copied answers in a row
      expect(socket.info().zeroCopy.reason).toMatch(/kept copying/);
      const away = { address: rig.receiverAddress.v4, port: direct.port };
      expect(await sendUntil(true, away)).toBe(1024); // one send in so many asks again
    }
    expect(socket.stats()).toMatchObject({ inFlight: 0, duplicateIds: 0, unknownIds: 0 });
    expect((await socket.close()).outcome).toBe('drained');
    const how = { copied: 32, inline: 2 * 1023, zerocopy: 2 };
    expect(ids.result()).toEqual({ ids: 2080, how, missing: 0, twice: 0, unknown: 0 });
    expect(pool.stats()).toMatchObject({ free: 64, acquired: 0, inFlight: 0, retired: 0 });
    const received = [await stopWhenQuiet(copying), await stopWhenQuiet(direct)];
    for (const each of received) expect(each).toMatchObject({ wrongBytes: 0, corrupt: 0 });
    expect(received.map(({ datagrams }) => datagrams)).toEqual([2 * 16 * 11, 2 * 1024 * 11]);
  });
});
