import { describe, expect, it } from 'vitest';
import { Completions } from '../../support/completions.js';
import { DatagramContent } from '../../support/content.js';
import { turn, within } from '../../support/deadline.js';
import {
  expectAllFree,
  families,
  makePool,
  openTo,
  overLoopback,
  startPeer,
} from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';

for (const family of families) {
  describe(`a UDP port on which nobody listens, over IPv${family}`, overLoopback(family), () => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: makes no send throw, and every id completes',
      async (zeroCopy) => {
        const peer = await startPeer({ protocol: 'udp', family });
        await peer.stop(); // from here on its port answers "port unreachable"
        const pool = makePool({ bufferSize: 4096 });
        const socket = await openTo(peer, { zeroCopy });
        const completions = new Completions(socket);
        let errors = 0;
        socket.on('error', () => {
          errors++;
        });
        let sent = 0;
        for (let i = 0; i < 300; i++) {
          expect(socket.send(await pool.acquire(), 1000)).toBe(sent++);
          if (i % 10 === 0) await turn(); // both to an idle and to a busy socket
          if (i % 30 === 29) {
            const buffers = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
            expect(socket.sendMany(buffers, 500)).toEqual({ first: sent, last: sent + 2 });
            sent += 3;
          }
        }
        await within(socket.flush(), 'flush()');
        completions.expectEachOnce(sent);
        expect(completions.how.failed).toBeUndefined();
        expectAllFree(pool);
        expect(errors).toBe(0);
        const stats = socket.stats();
        expect(stats).toMatchObject({ kernelSends: sent, unknownIds: 0, duplicateIds: 0 });
        expect(stats.softErrors).toBeGreaterThan(0);

        // Somebody listens again, and gets everything from then on.
        const content = new DatagramContent();
        const back = await startPeer({ protocol: 'udp', family, port: peer.port });
        for (let i = 0; i < 20; i++) {
          const buffer = await pool.acquire();
          content.fill(buffer.bytes, 1000);
          expect(socket.send(buffer, 1000)).toBe(sent++);
        }
        await expectIntact(back, { datagrams: 20 });
        const report = await within(socket.close(), 'close()');
        expect(report).toMatchObject({ outcome: 'drained', ids: sent, unfinished: 0 });
        completions.expectEachOnce(sent);
      },
    );
  });
}
