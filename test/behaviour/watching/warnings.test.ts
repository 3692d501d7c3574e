import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UdpSocket } from 'zerosend';
import { turn, until, within } from '../../support/deadline.js';
import { openTo, startPeer, tracked } from '../../support/endpoints.js';

/** The codes of the library's warnings while the test runs, which come a moment late. */
function warnings(): string[] {
  const codes: string[] = [];
  const onWarning = (warning: Error & { code?: string }) => {
    if (warning.name === 'ZeroSendWarning') codes.push(warning.code ?? '');
  };
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  return codes;
}

const peer = () => startPeer({ protocol: 'udp', family: 4 });

describe('a warning', () => {
  it.each(['timestamp', 'stall'] as const)(
    'says once that a listener of %s is never called, for want of its option',
    async (event) => {
      const codes = warnings();
      const socket = await openTo(await peer());
      socket.on(event, () => {});
      for (let i = 0; i < 3; i++) {
        socket.send(new Uint8Array(10));
        await within(socket.flush(), 'it completes');
        await turn();
      }
      await until(() => codes.length > 0, 'it is said');
      await turn();
      expect(codes).toEqual(['ZEROSEND_LISTENER_UNUSED']);
    },
  );

  it('is not given of listeners that have their option, or of none', async () => {
    const codes = warnings();
    const to = await peer();
    const watched = await openTo(to, { stallAfter: 10_000, timestamps: 'software' });
    watched.on('stall', () => {}).on('timestamp', () => {});
    const plain = await openTo(to, { sendBufferSize: 4096 });
    plain.on('complete', () => {});
    for (const socket of [watched, plain]) {
      socket.send(new Uint8Array(10));
      await within(socket.flush(), 'it completes');
    }
    await turn();
    await turn();
    expect(codes).toEqual([]);
  });

  it('says that a send buffer is smaller than was asked for', async () => {
    const most = Number(readFileSync('/proc/sys/net/core/wmem_max', 'utf8'));
    const codes = warnings();
    const asked = Math.min(2 * most, 2 ** 30);
    const socket = tracked(await UdpSocket.open({ sendBufferSize: asked }));
    expect(socket.info().sendBufferSize).toBeLessThan(2 * asked);
    await until(() => codes.length > 0, 'it is said');
    expect(codes).toEqual(['ZEROSEND_SEND_BUFFER_CAPPED']);
    tracked(await UdpSocket.open({ sendBufferSize: most }));
    await turn();
    await turn();
    expect(codes).toHaveLength(1);
  });
});
