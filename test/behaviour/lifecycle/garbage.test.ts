import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';
import { expectIntact } from '../../support/receiver.js';

const url = new URL('./programs/garbage.mjs', import.meta.url);
const SENDS = 1500;

describe('garbage collection at random while sending', () => {
  it.each([1, 2, (Date.now() & 0xffff_ffff) >>> 0])(
    'loses nothing, and reports forgotten sockets and buffers (seed %i)',
    async (seed) => {
      // Slow, so that much is in flight, and what is taken away from it is missed.
      const tcp = await startPeer({
        protocol: 'tcp',
        seed: 'any',
        rcvbuf: 65_536,
        rate: 40_000_000,
      });
      const udp = await startPeer({ protocol: 'udp', seed: 'any' });
      const discard = await startPeer({ protocol: 'udp', discard: true });
      const argument = { seed, sends: SENDS, tcp: tcp.port, udp: udp.port, discard: discard.port };
      const program = new Program(url, argument, { node: ['--expose-gc'] });
      const { results, collections, warnings, held } = await program.next('done');
      expect(await program.exit()).toMatchObject({ code: 0, signal: null });
      const [stream, datagrams] = results;
      const drained = { outcome: 'drained', unfinished: 0 };
      expect(stream).toMatchObject({ report: { ...drained, ids: SENDS }, free: 8, once: true });
      expect(datagrams).toMatchObject({
        report: { ...drained, ids: datagrams.datagrams },
        free: 32,
        once: true,
      });
      await expectIntact(tcp, { bytes: stream.bytes });
      await expectIntact(udp, { datagrams: datagrams.datagrams });
      expect(collections).toBeGreaterThan(SENDS / 4);
      const expected = ['ZEROSEND_SOCKET_FORGOTTEN', 'ZEROSEND_BUFFER_FORGOTTEN'];
      for (const code of expected) {
        expect([code, warnings.filter((warning: string) => warning === code).length]).toEqual([
          code,
          10,
        ]);
      }
      expect(warnings).toHaveLength(20);
      expect(held).toEqual(Array(10).fill(1)); // they are reported, not taken back
    },
  );
});
