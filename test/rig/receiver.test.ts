import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  announceSeed,
  compileProgram,
  fillDatagram,
  fillStream,
  type Receiver,
  type ReceiverOptions,
  startReceiver,
  verifyStream,
} from '../../rig/index.mjs';
import { expectIntact, expectNothingWrong } from '../support/receiver.js';

const execute = promisify(execFile);
const MB = 1_000_000;

async function start(options: ReceiverOptions): Promise<Receiver> {
  const receiver = await startReceiver(options);
  onTestFinished(() => receiver[Symbol.asyncDispose]());
  return receiver;
}

/** A connection to the receiver. Errors are what some tests are about, so they are not thrown. */
async function connectTo(receiver: Receiver): Promise<Socket> {
  const host = receiver.family === 4 ? '127.0.0.1' : '::1';
  const socket = connect({ host, port: receiver.port, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** Unlike once(), not disturbed by the error that comes first. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

function stream(offset: number, length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  fillStream(bytes, offset, seed);
  return bytes;
}

/** Sends with the probe, over loopback; `control` breaks the content of its second buffer. */
async function probe(receiver: Receiver, protocol: 'tcp' | 'udp', ...args: string[]) {
  const host = receiver.family === 4 ? '127.0.0.1' : '::1';
  const sizes = protocol === 'udp' ? ['--size', '64400', '--segment', '1400'] : [];
  const command = [protocol, host, String(receiver.port), '--bytes', String(MB), ...sizes, ...args];
  await execute(await compileProgram('probe'), command);
}

describe.each([4, 6] as const)('content over IPv%d', (family) => {
  it('of a stream is right', async () => {
    const receiver = await start({ protocol: 'tcp', family });
    await probe(receiver, 'tcp');
    await expectIntact(receiver, { bytes: MB });
    expect(await receiver.stop()).toMatchObject({ type: 'final', accepted: 1, eof: 1, open: 0 });
  });

  it.each([true, false])('of datagrams is right (UDP_GRO %s)', async (gro) => {
    const receiver = await start({ protocol: 'udp', family, gro });
    await probe(receiver, 'udp');
    const report = await expectIntact(receiver, { bytes: MB, datagrams: 715 });
    expect(report).toMatchObject({ flows: 1, maxLength: 1400, minLength: 400 });
  });
});

describe('broken content', () => {
  const second = { tcp: 65536, udp: 46 };

  it('shows a flipped bit in a stream, and where', async () => {
    const receiver = await start({ protocol: 'tcp' });
    await probe(receiver, 'tcp', '--control', 'flip');
    const { wrongBytes, firstWrong } = await receiver.until(({ bytes }) => bytes === MB);
    expect(wrongBytes).toBe(1);
    expect(firstWrong).toMatchObject({ connection: 0, offset: second.tcp + 32768 + 100 });
    expect(firstWrong!.expected ^ firstWrong!.actual).toBe(0x10);
  });

  it('shows a flipped bit in a datagram, and where', async () => {
    const receiver = await start({ protocol: 'udp' });
    await probe(receiver, 'udp', '--control', 'flip');
    const report = await receiver.until(({ bytes }) => bytes === MB);
    expect(report).toMatchObject({ wrongBytes: 1, corrupt: 1, missing: 1, unique: 714 });
    expect(report.firstWrong).toMatchObject({ sequence: second.udp + 23, offset: 100 });
    expect(() => expectNothingWrong(report)).toThrow();
  });

  it.each(['tcp', 'udp'] as const)('shows swapped blocks over %s', async (protocol) => {
    const receiver = await start({ protocol });
    await probe(receiver, protocol, '--control', 'swap');
    const { wrongBytes } = await receiver.until(({ bytes }) => bytes === MB);
    // 2048 bytes are out of place; one in 256 is right by chance. Headers add their part.
    expect(wrongBytes).toBeGreaterThan(1950);
  });

  it.each([
    ['duplicate', MB + 65536],
    ['gap', MB - 65536],
  ])('shows a %s in a stream', async (control, total) => {
    const receiver = await start({ protocol: 'tcp' });
    await probe(receiver, 'tcp', '--control', control);
    const report = await receiver.until(({ bytes }) => bytes === total);
    expect(report.wrongBytes).toBeGreaterThan(800_000);
    expect(report.firstWrong!.offset).toBeLessThan(2 * 65536 + 64);
  });

  it('shows duplicates and gaps of datagrams', async () => {
    const twice = await start({ protocol: 'udp' });
    await probe(twice, 'udp', '--control', 'duplicate');
    const doubled = await twice.until(({ datagrams }) => datagrams === 715 + 46);
    expect(doubled).toMatchObject({ wrongBytes: 0, duplicates: 46, unique: 715, missing: 0 });
    const never = await start({ protocol: 'udp' });
    await probe(never, 'udp', '--control', 'gap');
    const holed = await never.until(({ datagrams }) => datagrams === 715 - 46);
    expect(holed).toMatchObject({ wrongBytes: 0, missing: 46, gaps: 1, firstGap: second.udp });
  });

  it('shows a wrong seed, a wrong length and datagrams too short to check', async () => {
    const receiver = await start({ protocol: 'udp', seed: 2 });
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    const datagrams = [0, 1, 2].map((sequence) => {
      const bytes = Buffer.alloc(100);
      fillDatagram(bytes, sequence, sequence === 1 ? 3 : 2);
      return bytes;
    });
    datagrams[2] = datagrams[2]!.subarray(0, 99);
    for (const bytes of [...datagrams, Buffer.alloc(15)]) {
      socket.send(bytes, receiver.port, '127.0.0.1');
    }
    const report = await receiver.until((now) => now.datagrams === 4);
    expect(report).toMatchObject({ corrupt: 2, short: 1, unique: 1, minLength: 15 });
  });
});

describe('order of datagrams', () => {
  it('is kept for each seed: reordered, duplicate, missing, far behind', async () => {
    const receiver = await start({ protocol: 'udp', seed: 'any' });
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    const send = async (sequence: number, seed: number) => {
      const bytes = Buffer.alloc(64);
      fillDatagram(bytes, sequence, seed);
      await new Promise((sent) => socket.send(bytes, receiver.port, '127.0.0.1', sent));
    };
    for (const sequence of [0, 2, 1, 1, 5, 0]) await send(sequence, 10);
    const near = await receiver.until(({ datagrams }) => datagrams === 6);
    expect(near).toMatchObject({ flows: 1, unique: 4, reordered: 1, duplicates: 2, missing: 2 });
    expect(near).toMatchObject({ gaps: 2, firstGap: 1 });
    for (const sequence of [0, 1]) await send(sequence, 11);
    for (const sequence of [300_000, 3]) await send(sequence, 10);
    const far = await receiver.until(({ datagrams }) => datagrams === 10);
    expect(far).toMatchObject({ flows: 2, unique: 7, late: 1, missing: 299_996, wrongBytes: 0 });
  });
});

describe('behaviour on request', () => {
  it('pauses and goes on', async () => {
    const receiver = await start({ protocol: 'tcp', paused: true, rcvbuf: 65536 });
    const socket = await connectTo(receiver);
    socket.write(stream(0, 8 * MB));
    const paused = await receiver.until(({ accepted }) => accepted === 1);
    expect(paused).toMatchObject({ paused: true, bytes: 0 });
    await receiver.resume();
    await receiver.until(({ bytes }) => bytes > 0);
    await receiver.pause();
    const { bytes } = await receiver.report();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await receiver.report()).bytes).toBe(bytes);
    await receiver.resume();
    await expectIntact(receiver, { bytes: 8 * MB });
  });

  it('reads no faster than its rate', async () => {
    const receiver = await start({ protocol: 'tcp', rate: 2 * MB, rcvbuf: 65536 });
    const socket = await connectTo(receiver);
    socket.write(stream(0, 20 * MB));
    const { bytes, seconds } = await receiver.until((now) => now.bytes > 0.6 * MB);
    // Only the upper bound is a promise: 50 ms may be read at once.
    expect(bytes).toBeLessThanOrEqual(2 * MB * (seconds + 0.05) + 1);
    await receiver.rate(0);
    await expectIntact(receiver, { bytes: 20 * MB });
  });

  it('resets after so many bytes', async () => {
    const receiver = await start({ protocol: 'tcp', resetAfter: 100_000 });
    const socket = await connectTo(receiver);
    const failed = closed(socket);
    socket.write(stream(0, MB));
    await failed;
    const final = await receiver.stop();
    expect(final).toMatchObject({ bytes: 100_000, resetsSent: 1, open: 0, wrongBytes: 0 });
  });

  it('resets at once, and sees when it is reset', async () => {
    const receiver = await start({ protocol: 'tcp' });
    const [first, other] = [await connectTo(receiver), await connectTo(receiver)];
    await receiver.until(({ accepted }) => accepted === 2);
    const errors: string[] = [];
    first.on('error', ({ code }: NodeJS.ErrnoException) => void errors.push(code ?? ''));
    other.resetAndDestroy();
    await receiver.until(({ resets }) => resets === 1);
    const gone = closed(first);
    await receiver.reset();
    await gone;
    expect(errors).toEqual(['ECONNRESET']);
    const { connections } = await receiver.report({ connections: true });
    expect(connections!.map(({ state }) => state).sort()).toEqual(['closed', 'reset']);
  });

  it.each(['at once', 'after bytes'])('half-closes %s and reads on', async (when) => {
    const after = when === 'after bytes' ? { halfCloseAfter: 1000 } : {};
    const receiver = await start({ protocol: 'tcp', ...after });
    const socket = await connectTo(receiver);
    socket.resume();
    const ended = once(socket, 'end');
    socket.write(stream(0, 1000));
    await expectIntact(receiver, { bytes: 1000 });
    if (when === 'at once') await receiver.halfClose();
    await ended;
    socket.end(stream(1000, 5000));
    await expectIntact(receiver, { bytes: 6000 });
    await receiver.until(({ open, eof }) => open === 0 && eof === 1);
  });

  it('stops reading one connection and not the other', async () => {
    const receiver = await start({ protocol: 'tcp', stopAfter: 5000 });
    const long = await connectTo(receiver);
    long.write(stream(0, 9000));
    await receiver.until(({ bytes }) => bytes === 5000);
    const short = await connectTo(receiver);
    short.write(stream(0, 4000));
    await receiver.until(({ bytes }) => bytes === 9000);
    await receiver.resume();
    await expectIntact(receiver, { bytes: 13_000 });
  });

  it('does not stop at all where it was resumed before', async () => {
    const receiver = await start({ protocol: 'tcp', stopAfter: 5000 });
    const socket = await connectTo(receiver);
    await receiver.until(({ accepted }) => accepted === 1);
    await receiver.resume();
    socket.end(stream(0, 9000));
    await receiver.until(({ eof }) => eof === 1);
    await expectIntact(receiver, { bytes: 9000 });
  });

  it('sends to its peer, also after the peer has closed its side', async () => {
    const receiver = await start({ protocol: 'tcp', keepOpen: true, seed: 77 });
    const socket = await connectTo(receiver);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => void chunks.push(chunk));
    await receiver.until(({ accepted }) => accepted === 1);
    await receiver.send(300_000);
    socket.end();
    await receiver.until(({ eof, sentBytes }) => eof === 1 && sentBytes === 300_000);
    await receiver.send(10);
    await receiver.until(({ sentBytes }) => sentBytes === 300_010);
    const gone = closed(socket);
    await receiver.closeConnections();
    await gone;
    const got = Buffer.concat(chunks);
    expect(got.length).toBe(300_010);
    expect(verifyStream(got, 0, 77)).toBe(-1);
  });

  it('takes a command to be for the connections that were made before it', async () => {
    const receiver = await start({ protocol: 'tcp', seed: 77 });
    process.kill(receiver.pid, 'SIGSTOP');
    // Its input is ready before there is a connection, so epoll tells of that first.
    const earlier = receiver.report();
    const socket = await connectTo(receiver);
    const data = once(socket, 'data');
    const sent = receiver.send(10);
    process.kill(receiver.pid, 'SIGCONT');
    await Promise.all([earlier, sent]);
    expect(await receiver.report()).toMatchObject({ accepted: 1 });
    expect((await data)[0]).toHaveLength(10);
  });

  it('counts without a check', async () => {
    const receiver = await start({ protocol: 'tcp', discard: true });
    const socket = await connectTo(receiver);
    socket.end(Buffer.alloc(MB));
    const report = await receiver.until(({ eof }) => eof === 1);
    expect(report).toMatchObject({ bytes: MB, checked: false, wrongBytes: 0 });
  });

  it('counts datagrams and their bytes without taking the content out of the kernel', async () => {
    const receiver = await start({ protocol: 'udp', gro: false, truncate: true });
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    for (const length of [0, 1, 60_000]) {
      socket.send(Buffer.alloc(length), receiver.port, '127.0.0.1');
    }
    const report = await receiver.until(({ datagrams }) => datagrams === 3);
    expect(report).toMatchObject({ bytes: 60_001, maxLength: 60_000, checked: false, short: 0 });
  });

  it('keeps 600 connections apart, each with the seed that it announces', async () => {
    const receiver = await start({ protocol: 'tcp', seed: 'any' });
    const sockets = await Promise.all(Array.from({ length: 600 }, () => connectTo(receiver)));
    for (const [i, socket] of sockets.entries()) {
      const bytes = stream(0, 10_000, i + 1);
      announceSeed(bytes, i + 1);
      if (i === 300) bytes[9999]! ^= 1;
      if (i === 301) bytes[0]! ^= 1;
      socket.end(bytes);
    }
    await receiver.until(({ eof }) => eof === 600);
    const { wrongBytes, connections } = await receiver.stop();
    expect(wrongBytes).toBe(2);
    expect(new Set(connections!.map(({ seed }) => seed)).size).toBe(600);
    const wrong = connections!.filter((connection) => connection.wrongBytes > 0);
    expect(wrong.map(({ seed }) => seed).sort()).toEqual([301, 302]);
  });
});

describe('mistakes', () => {
  it('are told: a command that does not exist, a report after the end', async () => {
    const receiver = await start({ protocol: 'udp' });
    await expect(receiver.reset()).rejects.toThrow('no such command: reset');
    await receiver.stop();
    await expect(receiver.report()).rejects.toThrow('has ended');
  });

  it('are told: an option that cannot be, an address that is not here', async () => {
    const options = { protocol: 'tcp', port: 70_000 } as const;
    await expect(startReceiver(options)).rejects.toThrow('--port: 70000');
    const elsewhere = { protocol: 'tcp', address: '198.18.7.7' } as const;
    await expect(startReceiver(elsewhere)).rejects.toThrow('bind: Cannot assign');
  });

  it('are told: a condition that does not come true', async () => {
    const receiver = await start({ protocol: 'tcp' });
    const never = receiver.until(({ bytes }) => bytes > 0, { timeout: 30 });
    await expect(never).rejects.toThrow('not so after 30 ms');
  });
});
