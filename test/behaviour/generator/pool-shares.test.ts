// Runs whose buffers are a share of a pool that others use as well.
import { describe, expect, it, onTestFinished } from 'vitest';
import { BufferPool, type PoolShare, UdpSocket } from 'zerosend';
import { type Field, type GenerateOptions, generate } from 'zerosend/generator';
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
      const wanted = Buffer.alloc(40);
      wanted.write('hers', 4);
      wanted.writeUInt32BE(k);
      expect(datagram).toEqual(wanted);
    }
    for (const [k, datagram] of (await his.listener.datagrams(900)).entries()) {
      const wanted = Buffer.alloc(k % 2 === 0 ? 14 : 90);
      wanted.write(k % 2 === 0 ? 'his, short' : 'his, long', 4);
      wanted.writeUInt32BE(Math.floor(k / 2));
      expect(datagram).toEqual(wanted);
    }
    for (const share of shares) expect(share.stats().mostUsed).toBeLessThanOrEqual(share.limit);
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
