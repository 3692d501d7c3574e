// What a socket says of its end, over real connections.
import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CloseReport, type CompletionRange, TcpSocket } from 'zerosend';
import { startReceiver } from '../../../rig/index.mjs';
import { event, until, within } from '../../support/deadline.js';
import { connectAndMeet, startPeer, tracked } from '../../support/endpoints.js';

const MiB = 1 << 20;

/** A server whose one connection reads only when it is told to. */
async function startReader(): Promise<{ port: number; accepted: Promise<Socket> }> {
  const server: Server = createServer({ pauseOnConnect: true, highWaterMark: 16_384 });
  onTestFinished(() => void server.close());
  const accepted = new Promise<Socket>((resolve) => {
    server.once('connection', (connection) => {
      connection.on('error', () => {});
      onTestFinished(() => void connection.destroy());
      resolve(connection);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, accepted };
}

/** Reads a part at a time until so many ms have gone by since now, then the rest. */
async function readSlowly(reader: Socket, ms: number): Promise<number> {
  const began = performance.now();
  let got = 0;
  reader.on('data', (data: Buffer) => {
    got += data.length;
    if (performance.now() - began > ms) return;
    reader.pause();
    setTimeout(() => reader.resume(), 20 * (data.length / 65_536));
  });
  const ended = new Promise<void>((resolve) => reader.once('end', resolve));
  reader.resume();
  await within(ended, 'the end of the stream', 20_000);
  return got;
}

describe.each(['always', 'never'] as const)('zeroCopy %s', (zeroCopy) => {
  const connect = async (port: number) =>
    tracked(await TcpSocket.connect({ host: '127.0.0.1', port, zeroCopy, sendBufferSize: 65_536 }));

  it('close() waits for as long as a slow peer reads', { timeout: 30_000 }, async () => {
    const TIMEOUT = 1500;
    const { port, accepted } = await startReader();
    const socket = await connect(port);
    const reader = await accepted;
    const sends = 16;
    for (let i = 0; i < sends; i++) socket.send(Buffer.alloc(MiB));
    const began = performance.now();
    const closing = socket.close({ timeout: TIMEOUT });
    const got = await readSlowly(reader, 2 * TIMEOUT);
    const report = await within(closing, 'close()');
    expect(performance.now() - began).toBeGreaterThan(2 * TIMEOUT);
    expect(got).toBe(sends * MiB);
    expect(report).toEqual({
      ...{ outcome: 'drained', ids: sends, unfinished: 0, error: null },
      ...{ bytesAccepted: sends * MiB, bytesAcknowledged: sends * MiB },
    });
  });

  it('close() gives up on a peer that has stopped', async () => {
    const { port, accepted } = await startReader();
    const socket = await connect(port);
    const ranges: CompletionRange[] = [];
    socket.on('complete', (range) => ranges.push(range));
    await accepted;
    for (let i = 0; i < 16; i++) socket.send(Buffer.alloc(MiB));
    const report = await within(socket.close({ timeout: 300 }), 'close()');
    expect(report.outcome).not.toBe('drained');
    expect(report).toMatchObject({ ids: 16, error: null });
    const { bytesAccepted, bytesAcknowledged = -1 } = report;
    expect(bytesAcknowledged).toBeGreaterThan(0);
    expect(bytesAccepted).toBeGreaterThanOrEqual(bytesAcknowledged);
    expect(bytesAccepted).toBeLessThan(16 * MiB);
    const failed = ranges.filter(({ how }) => how === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const { code } of failed) expect(code).toBe('ERR_ZEROSEND_ABORTED');
  });

  it('a signal bounds close() where the peer reads on and on', async () => {
    const { port, accepted } = await startReader();
    const socket = await connect(port);
    await accepted;
    for (let i = 0; i < 16; i++) socket.send(Buffer.alloc(MiB));
    const signal = AbortSignal.timeout(100);
    const report = await within(socket.close({ signal }), 'close()');
    expect(report.outcome).not.toBe('drained');
  });

  it('a reset tells how much has arrived, and from whom it came', async () => {
    const peer = await startPeer({ protocol: 'tcp', resetAfter: 1_000_000, rcvbuf: 65_536 });
    const socket = await connectAndMeet(peer, { zeroCopy });
    const { local, remote } = socket.info();
    const error = event<Error>(socket, 'error');
    const closed = event<CloseReport>(socket, 'close');
    try {
      for (let i = 0; i < 40; i++) socket.send(Buffer.alloc(65_536));
    } catch {
      // The reset has come already.
    }
    const report = await closed;
    const { bytesAccepted, bytesAcknowledged = -1 } = report;
    expect(report.outcome).toBe('aborted');
    expect(report.error).toBe(await error);
    expect(report.error).toMatchObject({ ...remote, syscall: expect.any(String) });
    expect(bytesAcknowledged).toBeGreaterThanOrEqual(1_000_000);
    expect(bytesAcknowledged).toBeLessThanOrEqual(bytesAccepted);
    expect(socket.info()).toMatchObject({ local, remote });
  });

  it('a reset while all that is left is to be acknowledged is no success', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
    const socket = await connectAndMeet(peer, { zeroCopy, sendBufferSize: 4 * MiB });
    socket.on('error', () => {});
    socket.send(Buffer.alloc(MiB));
    // Nothing is queued, and copied sends have completed.
    if (zeroCopy === 'never') await until(() => socket.inFlight === 0, 'completions');
    const closing = socket.close({ timeout: 60_000 });
    await peer.reset();
    const report = await within(closing, 'close()');
    expect(report).toMatchObject({ outcome: 'aborted', ids: 1, bytesAccepted: MiB });
    expect(report.error).toMatchObject({ code: 'ECONNRESET' });
    expect(report.bytesAcknowledged).toBeLessThan(MiB);
  });

  it('disposal of a socket that has not drained rejects with the report', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
    const socket = await connectAndMeet(peer, { zeroCopy });
    socket.on('error', () => {});
    const work = async () => {
      await using sender = socket;
      for (let i = 0; i < 12; i++) sender.send(Buffer.alloc(500_000));
      await peer.reset();
    };
    await expect(within(work(), 'disposal')).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_NOT_DRAINED',
      cause: { code: 'ECONNRESET' },
      report: { outcome: 'aborted', ids: 12 },
    });
  });
});

describe('close()', () => {
  it('takes acknowledged bytes alone for progress', { timeout: 30_000 }, async () => {
    const TIMEOUT = 1000;
    const ALL = 15 * 65_536;
    // Its window is small and stays so: bytes are acknowledged as they are read, several times within
    // the timeout, and for three times as long.
    await using peer = await startReceiver({
      ...{ protocol: 'tcp', rate: ALL / 3, rcvbuf: 32_768, discard: true, paused: true },
    });
    const options = { host: '127.0.0.1', port: peer.port, zeroCopy: 'never' } as const;
    const socket = tracked(await TcpSocket.connect(options));
    // All of it is the kernel's, and every id has completed: nothing but the peer moves.
    for (let i = 0; i < 15; i++) socket.send(Buffer.alloc(65_536));
    await until(() => socket.inFlight === 0, 'completions');
    const began = performance.now();
    const closing = socket.close({ timeout: TIMEOUT });
    await peer.resume();
    const report = await within(closing, 'close()', 20_000);
    expect(performance.now() - began).toBeGreaterThan(TIMEOUT);
    expect(report).toMatchObject({ outcome: 'drained', bytesAcknowledged: ALL });
    await peer.until(({ bytes }) => bytes === ALL);
  });
});
