import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BufferPool, type PooledBuffer, TcpSocket, UdpSocket } from 'zerosend';
import { IdChecker } from '../../rig/ids.mjs';
import { fillStream, fillTrain, startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';

const COUNT = 32;
const SEGMENT = 1400;
const LENGTH = 46 * SEGMENT;
const EXACT = { ids: COUNT, missing: 0, twice: 0, unknown: 0 };

const needed = await needsRig('veth', { here: true });
describe('a buffer that two sockets send, one of which is given up', needed, () => {
  describe.each(['tcp', 'udp'] as const)('over %s', (protocol) => {
    it.each(['both in flight', 'lease left'])('goes out whole with the other: %s', async (when) => {
      const rig = await rigUp('veth', { rate: '50mbit', here: true });
      const { v4: address } = rig.receiverAddress;
      await using first = await startReceiver({ protocol, namespace: rig.receiver });
      await using second = await startReceiver({ protocol, namespace: rig.receiver });
      const zeroCopy = 'always' as const;
      const open = ({ port }: { port: number }) =>
        protocol === 'tcp'
          ? TcpSocket.connect({ host: address, port, zeroCopy })
          : UdpSocket.open({ remote: { address, port }, segmentSize: SEGMENT, zeroCopy });
      const [doomed, kept] = [await open(first), await open(second)];
      const [doomedIds, keptIds] = [IdChecker.of(doomed), IdChecker.of(kept)];

      const pool = new BufferPool({ bufferSize: LENGTH, count: COUNT });
      let datagrams = 0;
      const buffers = Array.from({ length: COUNT }, (_, i) => {
        const buffer = pool.tryAcquire() as PooledBuffer;
        if (protocol === 'tcp') fillStream(buffer.bytes, i * LENGTH, 1, LENGTH);
        else datagrams += fillTrain(buffer.bytes, LENGTH, SEGMENT, datagrams, 1);
        return buffer.retain();
      });
      for (const buffer of buffers) {
        doomed.send(buffer, LENGTH);
        if (when === 'both in flight') kept.send(buffer, LENGTH);
      }
      await delay(100);
      expect((await doomed.abort()).outcome).toBe('revoked');
      // The other socket's sends, or the user's leases, kept each buffer from being free.
      if (when === 'lease left') {
        expect(pool.stats()).toMatchObject({ acquired: COUNT, free: 0, inFlight: 0 });
        for (const buffer of buffers) kept.send(buffer, LENGTH);
        expect(pool.stats()).toMatchObject({ acquired: 0, free: 0, inFlight: COUNT });
      } else {
        expect(pool.acquired).toBe(0);
        expect(pool.inFlight).toBeGreaterThanOrEqual(4);
      }
      await kept.flush();
      const stats = { sends: COUNT, completed: COUNT, inFlight: 0, duplicateIds: 0, unknownIds: 0 };
      expect(kept.stats()).toMatchObject(stats);
      await kept.close({ timeout: 20_000 });
      expect(keptIds.result()).toMatchObject(EXACT);
      expect(doomedIds.result()).toMatchObject(EXACT);
      expect(doomedIds.how.revoked).toBeGreaterThanOrEqual(4);
      const all = { free: COUNT, acquired: 0, inFlight: 0, retired: 0 };
      expect(pool.stats()).toMatchObject(all);

      const stop = protocol === 'tcp' ? stopWhenClosed : stopWhenQuiet;
      expect(await stop(first)).toMatchObject({ checked: true, wrongBytes: 0 });
      const whole = { checked: true, wrongBytes: 0, bytes: COUNT * LENGTH };
      expect(await stop(second)).toMatchObject(whole);
    });
  });
});
