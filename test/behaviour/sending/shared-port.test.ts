import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UdpSocket } from 'zerosend';
import { within } from '../../support/deadline.js';
import { families, loopback, overLoopback, tracked } from '../../support/endpoints.js';

async function bound(family: 4 | 6, port: number, reuseAddr = false): Promise<Socket> {
  const socket = createSocket({ type: `udp${family}`, reuseAddr });
  onTestFinished(() => void socket.close());
  socket.bind(port, loopback(family));
  await once(socket, 'listening');
  return socket;
}

/** A peer that answers, and the sender's questions to it. */
async function setUp(family: 4 | 6, connected: boolean) {
  const peer = await bound(family, 0);
  peer.on('message', (question, { address, port }) => peer.send(question, port, address));
  const remote = { address: loopback(family), port: peer.address().port };
  const socket = tracked(
    await UdpSocket.open({
      address: loopback(family),
      reuseAddress: true,
      ...(connected && { remote }),
    }),
  );
  const port = socket.info().local?.port as number;
  const ask = (text: string) => {
    const question = Buffer.from(text);
    if (connected) socket.send(question);
    else socket.sendTo(question, question.length, remote);
  };
  return { remote, port, ask };
}

for (const family of families) {
  describe(`reuseAddress over IPv${family}`, overLoopback(family), () => suite(family));
}

function suite(family: 4 | 6): void {
  it.each([
    ['connected, and so is the reader', true, true],
    ['not connected, and the reader is', false, true],
    ['not connected, nor is the reader', false, false],
  ])('lets a later socket read the answers: %s', async (_, connected, readerConnects) => {
    const { remote, port, ask } = await setUp(family, connected);
    const reader = await bound(family, port, true);
    if (readerConnects) {
      reader.connect(remote.port, remote.address);
      await once(reader, 'connect');
    }
    for (const text of ['one', 'two']) {
      const [answer] = await within(
        Promise.all([once(reader, 'message'), ask(text)]).then(([event]) => event),
        'the answer',
      );
      expect(String(answer)).toBe(text);
    }
  });

  it('is needed on both sides', async () => {
    const { port } = await setUp(family, true);
    await expect(bound(family, port, false)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const alone = tracked(await UdpSocket.open({ address: loopback(family) }));
    const taken = alone.info().local?.port as number;
    await expect(bound(family, taken, true)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
}

it.each([1, 'yes', null, {}])('reuseAddress must be a boolean, not %j', async (wrong) => {
  await expect(UdpSocket.open({ reuseAddress: wrong as boolean })).rejects.toMatchObject({
    name: 'TypeError',
    code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
    message: expect.stringContaining('options.reuseAddress'),
  });
});
