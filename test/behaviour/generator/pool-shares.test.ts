// Runs whose buffers are a share of a pool that others use as well.
import { describe, expect, it, onTestFinished } from 'vitest';
import { BufferPool, type PoolShare, UdpSocket } from 'zerosend';
import {
  type Field,
  type GenerateOptions,
  generate,
  generateStreams,
  type StreamOptions,
} from 'zerosend/generator';
import { Listener } from './support/listener.js';

const NUMBER: Field = { target: { layer: 'payload', offset: 0, width: 4 }, counter: { start: 0 } };
const HERS = { template: { payload: '....hers', length: 40 }, fields: [NUMBER] };
const HIS = {
  mix: [
    { template: { payload: '....his, short' }, fields: [NUMBER] },
    { template: { payload: '....his, long', length: 90 }, fields: [NUMBER] },
  ],
} satisfies Partial<GenerateOptions>;

/** A pool of few buffers, so that each is used by all in turn. */
function setUp() {
  const pool = new BufferPool({ bufferSize: 128, count: 6 });
  onTestFinished(() => pool.close());
  const to = async () => {
    const listener = await Listener.open();
    const socket = await UdpSocket.open({ remote: listener.to, zeroCopy: 'never' });
    onTestFinished(async () => void (await socket.close()));
    return { listener, socket };
  };
  return { pool, to };
}

/** The whole of a packet: its number, a text, and zeros to the end. */
function packetOf(number: number, text: string, length: number): Buffer {
  const packet = Buffer.alloc(length);
  packet.write(text, 4);
  packet.writeUInt32BE(number);
  return packet;
}

/** A stream, and its k-th packet. */
interface Wanted {
  options: StreamOptions;
  packet: (k: number) => Buffer;
}

/** Streams of all kinds that write little and much into the same buffers; each tells its name. */
function streamsOf(whose: string): Wanted[] {
  const many = { count: 300, rate: 3000 };
  const one = (text: string, length: number) => ({
    template: { payload: `....${text}`, length },
    fields: [NUMBER],
  });
  const [short, long] = [`${whose} short`, `${whose} long`];
  return [
    {
      options: { ...one(`${whose} alone`, 60), ...many },
      packet: (k) => packetOf(k, `${whose} alone`, 60),
    },
    {
      options: { mix: [one(short, 30), one(long, 120)], ...many },
      packet: (k) => packetOf(k >> 1, k % 2 === 0 ? short : long, k % 2 === 0 ? 30 : 120),
    },
    {
      options: {
        write: (bytes, k) => packetOf(k, `${whose} by hand`, 90).copy(bytes),
        ...many,
      },
      packet: (k) => packetOf(k, `${whose} by hand`, 90),
    },
  ];
}

/** Somebody who has the buffers as well, until the signal, and leaves them full of something else. */
async function scribble(share: PoolShare, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const buffer = await share.acquire();
    buffer.bytes.fill(0xee);
    buffer.release();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a share of a pool', () => {
  it('is what several runs send from at once, each packet whole, whoever had the buffer before', async () => {
    const { pool, to } = setUp();
    const [hers, his] = [await to(), await to()];
    const shares = [3, 3, 2].map((limit) => pool.share({ limit }));
    const [first, second, third] = shares as [PoolShare, PoolShare, PoolShare];
    const over = new AbortController();
    const scribbling = scribble(third, over.signal);
    const reports = await Promise.all([
      generate({ socket: hers.socket, pool: first, ...HERS, count: 900, rate: 9000, batch: 2 }),
      generate({ socket: his.socket, pool: second, ...HIS, count: 900, rate: 9000, batch: 2 }),
    ]);
    over.abort();
    await scribbling;
    expect(reports.map(({ packets, failed }) => [packets, failed])).toEqual([
      [900, 0],
      [900, 0],
    ]);
    for (const [k, datagram] of (await hers.listener.datagrams(900)).entries()) {
      expect(datagram).toEqual(packetOf(k, 'hers', 40));
    }
    for (const [k, datagram] of (await his.listener.datagrams(900)).entries()) {
      const [text, length] =
        k % 2 === 0 ? (['his, short', 14] as const) : (['his, long', 90] as const);
      expect(datagram).toEqual(packetOf(k >> 1, text, length));
    }
    for (const share of shares) expect(share.stats().mostUsed).toBeLessThanOrEqual(share.limit);
    expect(pool.stats()).toMatchObject({ free: 6 });
  });

  it('is what several sets of streams send from at once, each packet whole', async () => {
    const { pool, to } = setUp();
    const over = new AbortController();
    const scribbling = scribble(pool.share({ limit: 2 }), over.signal);
    const sets = await Promise.all(
      ['hers', 'his'].map(async (whose) => ({ ...(await to()), all: streamsOf(whose) })),
    );
    const shares = sets.map(() => pool.share({ limit: 3 }));
    const running = sets.map(({ socket, all }, i) => {
      const streams = generateStreams({ socket, pool: shares[i] as PoolShare, batch: 3 });
      for (const { options } of all) streams.join(options);
      streams.finish();
      return streams;
    });
    const reports = await Promise.all(running);
    over.abort();
    await scribbling;
    for (const [i, { listener, all }] of sets.entries()) {
      expect(reports[i]).toMatchObject({ ended: 'count', packets: 900, refused: 0, failed: 0 });
      const next = all.map(() => 0);
      for (const datagram of await listener.datagrams(900)) {
        // Each is the next one of its stream, to the last byte.
        const of = all.findIndex(({ packet }, s) => datagram.equals(packet(next[s] as number)));
        expect(datagram.toString('latin1')).toSatisfy(() => of >= 0);
        next[of] = (next[of] as number) + 1;
      }
      expect(next).toEqual([300, 300, 300]);
    }
    for (const share of shares) {
      expect(share.stats()).toMatchObject({ used: 0 });
      expect(share.stats().mostUsed).toBeLessThanOrEqual(3);
    }
    expect(pool.stats()).toMatchObject({ free: 6 });
  });

  it('of streams is another for each set of them', async () => {
    const { pool, to } = setUp();
    const [{ socket }, { socket: other }] = [await to(), await to()];
    const share = pool.share({ limit: 2 });
    const streams = generateStreams({ socket, pool: share });
    const busy = expect.objectContaining({ code: 'ERR_ZEROSEND_BUSY' });
    expect(() => generateStreams({ socket: other, pool: share })).toThrow(busy);
    expect(() => generateStreams({ socket: other, pool })).toThrow(busy);
    const elsewhere = generateStreams({ socket: other, pool: pool.share({ limit: 2 }) });
    for (const one of [streams, elsewhere]) one.stop();
    await Promise.all([streams, elsewhere]);
    for (const wrong of [{}, null, share.stats()]) {
      expect(() => generateStreams({ socket, pool: wrong as unknown as PoolShare })).toThrow(
        expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }),
      );
    }
  });

  it('that is closed ends the streams that send from it, and says so', async () => {
    const { pool, to } = setUp();
    const { socket } = await to();
    const share = pool.share({ limit: 2 });
    const streams = generateStreams({ socket, pool: share });
    streams.join({ template: { payload: 'x' }, rate: 100 });
    const rejected = expect(streams).rejects.toMatchObject({ code: 'ERR_ZEROSEND_POOL_CLOSED' });
    await share.close();
    await rejected;
    expect(pool.stats()).toMatchObject({ free: 6 });
  });

  it('is what the progress tells of', async () => {
    const { pool, to } = setUp();
    const { socket } = await to();
    const share = pool.share({ limit: 4 });
    const run = generate({ socket, pool: share, ...HERS, rate: 1000 });
    expect(run.progress().pool).toEqual({
      count: 4,
      free: 4,
      acquired: 0,
      inFlight: 0,
      waiting: 0,
    });
    run.stop();
    await run;
  });

  it('is refused while a run has the whole pool, and the pool while one has a share', async () => {
    const { pool, to } = setUp();
    const [{ socket }, { socket: other }] = [await to(), await to()];
    const share = pool.share({ limit: 2 });
    const run = (given: BufferPool | PoolShare, through: UdpSocket) =>
      generate({ socket: through, pool: given, ...HERS, rate: 100 });
    const busy = { code: 'ERR_ZEROSEND_BUSY' };
    const whole = run(pool, socket);
    await expect(run(share, other)).rejects.toMatchObject(busy);
    whole.stop();
    await whole;
    const part = run(share, socket);
    await expect(run(share, other)).rejects.toMatchObject(busy);
    await expect(run(pool, other)).rejects.toMatchObject(busy);
    part.stop();
    await part;
    const again = run(pool, other);
    again.stop();
    expect((await again).failed).toBe(0);
  });

  it('has to be of buffers that are long enough', async () => {
    const { pool, to } = setUp();
    const { socket } = await to();
    const options = { socket, pool: pool.share({ limit: 2 }), template: { length: 5000 } };
    await expect(generate(options)).rejects.toMatchObject({ code: 'ERR_ZEROSEND_FRAME_TOO_LONG' });
  });
});
