import { describe, expect, it } from 'vitest';
import { type PooledBuffer, UdpSocket } from 'zerosend';
import { event, within } from '../../support/deadline.js';
import { expectAllFree, makePool } from '../../support/endpoints.js';
import { coded, type Expected, outOfRange } from './expectations.js';
import { LENGTH, type Witness, witnesses } from './witness.js';

const CLOSED = coded(Error, 'SOCKET_CLOSED', 'closed');
const CLOSING = coded(Error, 'SOCKET_CLOSED', 'closing');

/** Every sort of send is refused and leaves its buffers, of a pool of their own, with the caller. */
function refusesToSend(witness: Witness, expected: Expected, lengths = [1, 20_000]): void {
  const { socket } = witness;
  const pool = makePool({ count: 3 });
  const buffer = pool.tryAcquire() as PooledBuffer;
  const pair = [pool.tryAcquire() as PooledBuffer, pool.tryAcquire() as PooledBuffer];
  for (const length of lengths) {
    witness.refuses(() => socket.send(buffer, length), expected);
    witness.refuses(() => socket.send(Buffer.alloc(length)), expected);
    witness.refuses(() => socket.sendMany([buffer], length), expected);
    witness.refuses(() => socket.sendMany(pair, [length, length]), expected);
    if ('sendTo' in socket) {
      const to = { address: '127.0.0.1', port: witness.peer.port };
      witness.refuses(() => socket.sendTo(buffer, length, to), expected);
      witness.refuses(() => socket.sendTo(Buffer.alloc(length), length, to), expected);
    }
  }
  // Bad arguments are still told from a closed socket.
  witness.refuses(() => socket.send(buffer, 0), outOfRange({ shown: 'number 0' }));
  expect(pool.acquired).toBe(3);
  for (const held of [buffer, ...pair]) held.release();
  expectAllFree(pool);
}

describe.each(['TCP', 'UDP'] as const)('over %s', (protocol) => {
  it('nothing is sent after close(), nor while it goes on', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    const bytes = Buffer.alloc(LENGTH);
    witness.content.fill(bytes);
    socket.send(bytes);
    witness.sent(1);
    const closed = socket.close();
    refusesToSend(witness, CLOSING, [20_000]); // fewer calls than would reap, and find nothing left
    expect(socket.close({ timeout: 1 })).toBe(closed);
    const report = await within(closed, 'close()');
    expect(report).toMatchObject({ outcome: 'drained', ids: 1, unfinished: 0 });
    refusesToSend(witness, CLOSED);
    await witness.hasArrived();
  });

  it('nothing is sent after abort()', async () => {
    const witness = await witnesses[protocol]();
    await witness.sendsOn();
    const aborted = witness.socket.abort();
    refusesToSend(witness, CLOSING);
    expect(await within(aborted, 'abort()')).toMatchObject({ ids: 4, unfinished: 0 });
    refusesToSend(witness, CLOSED);
    expect(witness.socket.abort()).toBe(aborted);
    expect(witness.socket.close()).toBe(aborted);
  });

  it('nothing is sent by a listener of close', async () => {
    const witness = await witnesses[protocol]();
    let listened = 0;
    witness.socket.on('close', () => {
      refusesToSend(witness, CLOSED); // a fault in here would be an uncaught exception
      listened++;
    });
    await witness.socket.close();
    expect(listened).toBe(1);
  });

  it('a closed socket answers every other question, and changes nothing', async () => {
    const witness = await witnesses[protocol]();
    const { socket } = witness;
    await witness.sendsOn();
    const before = socket.stats();
    const { local, remote } = socket.info();
    await socket.close();
    expect(socket.fd).toBe(-1);
    expect(socket.nextId).toBe(4);
    expect(socket.inFlight).toBe(0);
    expect(socket.needDrain).toBe(false);
    expect(socket.poll()).toBe(0);
    expect(socket.ref().unref()).toBe(socket);
    expect(socket.stats()).toMatchObject({ sends: before.sends, completed: 4, inFlight: 0 });
    expect(socket.info()).toMatchObject({ local, remote });
    expect(socket.info().mtu).toBeUndefined();
    await socket.completed(3);
    await socket.flush();
    await witness.rejects(() => socket.completed(4), outOfRange({ shown: 'number 4' }));
    await socket[Symbol.asyncDispose]();
  });
});

describe('after the peer has reset the connection', () => {
  it('nothing is sent, and it says why', async () => {
    const witness = await witnesses.TCP();
    const { socket, peer } = witness;
    await witness.sendsOn();
    const failed = event<Error>(socket, 'error');
    const closed = event(socket, 'close');
    await peer.reset();
    expect(await failed).toMatchObject({ code: 'ECONNRESET', syscall: expect.any(String) });
    refusesToSend(witness, coded(Error, 'SOCKET_CLOSED', 'ECONNRESET'));
    expect(await closed).toMatchObject({ outcome: 'aborted', ids: 4, unfinished: 0 });
    refusesToSend(witness, coded(Error, 'SOCKET_CLOSED', 'ECONNRESET'));
    expectAllFree(witness.pool);
  });

  it('the send that meets the reset first takes no id and leaves its buffer', async () => {
    const witness = await witnesses.TCP();
    const { socket, peer } = witness;
    await witness.sendsOn();
    await witness.hasArrived(); // so that the reset reaches this connection
    const errors: Error[] = [];
    socket.on('error', (error) => errors.push(error));
    const closed = event(socket, 'close');
    const buffer = witness.acquire();
    await peer.reset(); // this process has not turned its event loop since the answer
    let refused: Error & { code?: string } = new Error('never refused');
    try {
      for (let i = 0; i < 1000; i++) {
        buffer.retain();
        socket.send(buffer, 1000);
      }
    } catch (error) {
      refused = error as Error;
    }
    expect(refused.code).toMatch(/^(EPIPE|ECONNRESET|ERR_ZEROSEND_SOCKET_CLOSED)$/);
    const { nextId } = socket;
    expect(await within(closed, 'close')).toMatchObject({ ids: nextId });
    expect(errors).toHaveLength(1);
    expect(witness.pool.stats()).toMatchObject({ acquired: 1, inFlight: 0 });
    buffer.release();
    buffer.release();
    expectAllFree(witness.pool);
  });
});

// A handle of the addon has 12 bits for how often its place in the table was used. The place that was
// left last is used next, so these sockets all take the same one.
it('nothing goes out by another socket, however many were opened since', async () => {
  const remote = { address: '127.0.0.1', port: 9 };
  const stale = await UdpSocket.open({ remote });
  await stale.close();
  for (let opened = 1; opened <= 2 ** 12; opened++) {
    const other = await UdpSocket.open({ remote });
    if (opened >= 2 ** 12 - 4) {
      expect(() => stale.send(Buffer.from('not for this peer'))).toThrow(
        expect.objectContaining({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' }),
      );
    }
    expect(await other.close()).toMatchObject({ outcome: 'drained', ids: 0 });
  }
});
