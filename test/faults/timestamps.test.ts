import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { createRig } from '../../rig/index.mjs';
import { clearFaultsAfterEach, eventually, sharedTcpReceiver, withUdpReceiver } from './peers.js';
import { Sender } from './sender.mjs';
import { expectOwnStamps, keysCountedBy, openFrames, overVeth, SHORT_QUEUE } from './stamps.js';
import { clearFaults, inject, UdpSocket } from './zerosend.mjs';

sharedTcpReceiver();
clearFaultsAfterEach();

describe('timestamps when datagrams were refused', () => {
  keysCountedBy('library');

  it(
    'frames of a ring, refused by a full queue: each stamp is of its own frame',
    overVeth,
    async () => {
      await using rig = await createRig('veth-copy', { ...SHORT_QUEUE, here: true });
      await expectOwnStamps(await openFrames(rig.senderInterface.name), { complete: true });
    },
  );

  it.each(['EPERM', 'EAGAIN', 'EHOSTUNREACH'] as const)(
    '%s after the call, of single sends and of batches: each stamp is of its own datagram',
    (error) =>
      withUdpReceiver(async (receiver) => {
        const sender = await Sender.udp(receiver, { timestamps: 'software' });
        const ids: number[] = [];
        sender.socket.on('timestamp', ({ id, stage, latency }) => {
          if (stage === 'sent') ids.push(id);
          if (latency < 2) sender.books.problems.push(`${id} stamped before it was sent`);
        });
        for (let i = 0; i < 10; i++) {
          inject('sendmsg', { error, after: true });
          sender.send();
          inject('sendmsg');
          inject('sendmmsg', { error, after: true, limit: 2 });
          expect(sender.sendMany([500, 501, 502, 503])).toBe('accepted');
          clearFaults();
          await sender.flushed();
        }
        const sent = sender.socket.nextId - sender.books.refused;
        await eventually(() => new Set(ids).size).toBe(sent);
        expect(ids.length).toBe(sent);
        expect(sender.books.problems).toEqual([]);
        await sender.socket.close();
      }),
  );
});

describe('strangers', () => {
  it('who send to the port of a socket do not stop its timestamps', async () => {
    const socket = await UdpSocket.open({ address: '127.0.0.1', timestamps: 'software' });
    let stamps = 0;
    socket.on('timestamp', () => stamps++);
    const port = socket.info().local?.port ?? 0;
    const stranger = createSocket('udp4');
    // Three times what the receive buffer holds.
    for (let i = 0; i < 600; i++) {
      await new Promise((sent) => stranger.send(Buffer.alloc(1000), port, '127.0.0.1', sent));
    }
    await new Promise<void>((closed) => stranger.close(closed));
    const to = { address: '127.0.0.1', port: 9 };
    for (let i = 0; i < 10; i++) socket.sendTo(new Uint8Array(100), 100, to);
    await eventually(() => stamps).toBe(20);
    expect(socket.stats()).toMatchObject({ timestamps: 20, unknownStamps: 0 });
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 10, unfinished: 0 });
  });
});
