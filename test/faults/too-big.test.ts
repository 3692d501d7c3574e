import { describe, expect, it, onTestFinished } from 'vitest';
import type { PooledBuffer } from 'zerosend';
import { createRig } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { ip, run } from '../support/links.js';
import { Books } from './books.mjs';
import { pause, within } from './sender.mjs';
import { BufferPool, UdpSocket } from './zerosend.mjs';

const overSink = await needsRig('sink', { here: true });

describe.each([4, 6] as const)(
  'a datagram that the send buffer never has room for, IPv%i',
  (family) => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: is refused, or fails where it had to wait, and holds nobody up',
      overSink,
      async (zeroCopy) => {
        await using rig = await createRig('sink', { here: true });
        const remote = { address: family === 4 ? '198.18.0.9' : 'fd00:198:18::9', port: 9 };
        const socket = await UdpSocket.open({ remote, sendBufferSize: 4096, zeroCopy });
        const pool = new BufferPool({ bufferSize: 65_536, count: 256, hugePages: 'none' });
        const books = new Books(socket);
        const take = () => pool.tryAcquire() as PooledBuffer;

        const alone = take();
        expect(books.trySend(alone, 60_000)).toBe('ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL');
        if (books.refused === 0) alone.release(); // by the submission thread it is back
        expect(books.trySend(take(), 100)).toBe('accepted');

        // With others in the kernel it waits, and fails when they have gone; what waits behind it goes
        // out. The link is slow, so that they are there for a while.
        const { name } = rig.senderInterface;
        run(`tc qdisc replace dev ${name} root tbf rate 1mbit burst 4kb limit 1mb`);
        let queued = -1;
        for (let i = 0; i < 40 && queued < 0; i++) {
          books.send(take(), 1000);
          if (socket.needDrain) queued = socket.nextId;
        }
        books.send(take(), 60_000);
        for (let i = 0; i < 5; i++) books.send(take(), 100);
        await within(socket.flush(), 'flush', 15_000);
        expect(books.ids.howOf(queued)).toBe('failed');
        expect(books.ids.howOf(socket.nextId - 1)).not.toBe('failed');

        const cpu = process.cpuUsage();
        await pause(200);
        const { user, system } = process.cpuUsage(cpu);
        expect((user + system) / 1000).toBeLessThan(100); // ms, in which there was nothing to do
        const report = await within(socket.close(), 'close');
        expect(report).toMatchObject({ outcome: 'aborted', unfinished: 1 + books.refused });
        expect(books.audit([pool])).toEqual([]);

        // A blackhole is no matter of length.
        const black = family === 4 ? '198.18.99.1' : 'fd00:bad::1';
        const route = `blackhole ${black}/${family === 4 ? 32 : 128}`;
        ip(`-${family} route add ${route}`);
        onTestFinished(() => void ip(`-${family} route del ${route}`));
        const any = await UdpSocket.open({ family, zeroCopy });
        const to = { address: black, port: 9 };
        expect(new Books(any).trySend(new Uint8Array(10), 10, to)).toBe('EINVAL');
        await any.close();
      },
    );
  },
);
