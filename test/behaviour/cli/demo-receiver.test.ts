import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RepeatedPattern } from '../../../dist/cli/demo/checks.js';
import { Receiver } from '../../../dist/cli/demo/loopback.js';
import { type Measured, resultOf } from '../../../dist/cli/demo/report.js';

const SEED = 99;
const pattern = new RepeatedPattern(SEED);

async function startReceiver(protocol: 'udp' | 'tcp'): Promise<Receiver> {
  const unexpected = (error: Error) => {
    throw error;
  };
  const options = { protocol, seed: SEED, segment: 1400, train: 46 };
  const receiver = await Receiver.start(options, unexpected);
  onTestFinished(() => receiver.stop());
  return receiver;
}

describe('the TCP receiver', () => {
  async function report(bytes: Buffer) {
    const receiver = await startReceiver('tcp');
    const socket = connect(receiver.port, '127.0.0.1');
    socket.end(bytes);
    await once(socket, 'close');
    return receiver.finish({ datagrams: 0 });
  }

  function stream(): Buffer {
    const bytes = Buffer.alloc(3_000_000);
    pattern.fillStream(bytes, bytes.length, 0);
    return bytes;
  }

  it('finds nothing wrong with the right bytes', async () => {
    expect(await report(stream())).toEqual({ bytes: 3_000_000, wrongBytes: 0 });
  });

  it('finds one flipped byte in three million', async () => {
    const bytes = stream();
    bytes[2_345_678] = (bytes[2_345_678] as number) ^ 4;
    expect(await report(bytes)).toEqual({ bytes: 3_000_000, wrongBytes: 1 });
  });

  it('finds two parts that have changed places', async () => {
    const bytes = stream();
    const part = Buffer.from(bytes.subarray(0, 65_536));
    bytes.copyWithin(0, 65_536, 131_072);
    part.copy(bytes, 65_536);
    expect((await report(bytes)).wrongBytes).toBeGreaterThan(130_000);
  });
});

describe('the UDP receiver', () => {
  function datagramsFrom(count: number): Uint8Array[] {
    const bytes = Buffer.alloc(count * 1400);
    pattern.fillTrain(bytes, bytes.length, 1400, 0);
    return Array.from({ length: count }, (_, i) => bytes.subarray(i * 1400, (i + 1) * 1400));
  }

  function sendTo(port: number, datagrams: Uint8Array[]) {
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    for (const datagram of datagrams) socket.send(datagram, port, '127.0.0.1');
  }

  it('reports lost, duplicate, late and wrong datagrams', async () => {
    const receiver = await startReceiver('udp');
    const datagrams = datagramsFrom(100);
    const wrong = datagrams[50] as Uint8Array;
    wrong[99] = (wrong[99] as number) ^ 1;
    const [swapped = wrong] = datagrams.splice(20, 1);
    datagrams.splice(30, 0, swapped); // late
    datagrams.splice(60, 1, datagrams[59] as Uint8Array); // one lost, one twice

    sendTo(receiver.port, datagrams);
    expect(await receiver.finish({ datagrams: 100 })).toEqual({
      bytes: 100 * 1400,
      datagrams: 100,
      wrongBytes: 1,
      duplicates: 1,
      reordered: 1,
      lost: 2, // the wrong one, too, has not come as it was
    });
  });

  it('has room for a window of datagrams, and says how far it has come', async () => {
    const receiver = await startReceiver('udp');
    const { window } = receiver;
    expect(window).toBeGreaterThanOrEqual(2 * 46);
    const heard: number[] = [];
    receiver.onReceived = (next) => heard.push(next);
    sendTo(receiver.port, datagramsFrom(window));
    const report = await receiver.finish({ datagrams: window });
    expect(report).toMatchObject({ datagrams: window, wrongBytes: 0, lost: 0 });
    expect(heard.length).toBeGreaterThan(0);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
    expect(heard.at(-1)).toBeGreaterThan(window * 0.7);
  });
});

describe('a receiver that ends by itself', () => {
  it('is a failure', async () => {
    const failures: Error[] = [];
    const receiver = await Receiver.start({ protocol: 'tcp', seed: 1 }, (e) => failures.push(e));
    const socket = connect(receiver.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.resetAndDestroy();
    await expect(receiver.finish({ datagrams: 0 })).rejects.toThrow('receiver: ');
    expect(failures.length).toBeGreaterThan(0);
    await receiver.stop();
  });
});

describe('resultOf', () => {
  /** What is measured of a run of three sends in which nothing is wrong. */
  const good = () => ({
    name: 'udp',
    meter: {
      ids: { sent: 3, completed: 3, problems: (): string[] => [] },
      bytes: 300,
      ranges: 1,
      how: { zerocopy: 0, copied: 2, inline: 1, revoked: 0, failed: 0 },
      latency: () => null,
    },
    run: { seconds: 2 },
    socket: { stats: () => ({ sends: 3, bytes: 300, completed: 3, notifications: 1 }) },
    pool: { free: 8, count: 8 },
    closed: { outcome: 'drained', ids: 3, unfinished: 0 },
    received: { bytes: 300, wrongBytes: 0, datagrams: 6, lost: 0, duplicates: 0, reordered: 0 },
  });
  const problemsOf = (measured: object) => resultOf(measured as Measured).problems;

  it('finds nothing wrong where nothing is', () => {
    expect(resultOf(good() as unknown as Measured)).toMatchObject({
      problems: [],
      bitsPerSecond: 1200,
      idsPerRange: 3,
      copiedShare: 2 / 3,
      inlineShare: 1 / 3,
    });
  });

  it.each<[string, (measured: ReturnType<typeof good>) => void]>([
    [
      '1 ids never completed: 2',
      (m) => (m.meter.ids.problems = () => ['1 ids never completed: 2']),
    ],
    ['7 bytes were wrong', (m) => (m.received.wrongBytes = 7)],
    ['1 datagrams came twice', (m) => (m.received.duplicates = 1)],
    ['300 bytes were sent, and 299 received', (m) => (m.received.bytes = 299)],
    ['only 7 of 8 buffers are back in the pool', (m) => (m.pool.free = 7)],
    ['0 ids were revoked and 2 failed', (m) => (m.meter.how.failed = 2)],
    [
      'closing: revoked, 3 ids, 1 unfinished',
      (m) => {
        m.closed = { outcome: 'revoked', ids: 3, unfinished: 1 };
      },
    ],
    [
      'the socket counts differently: 3 sends, 300 bytes, 3 completed',
      (m) => {
        m.meter.ids.sent = 4;
        m.closed.ids = 4;
      },
    ],
  ])('says: %s', (problem, spoil) => {
    const measured = good();
    spoil(measured);
    expect(problemsOf(measured)).toEqual([problem]);
  });

  it('reports datagrams that are lost or out of order, and does not mind', () => {
    const measured = good();
    measured.received = { ...measured.received, bytes: 200, lost: 2, reordered: 1 };
    expect(problemsOf(measured)).toEqual([]);
  });
});
