import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UdpSocket } from 'zerosend';
import {
  type Field,
  generateInWorkers,
  own,
  type Progress,
  type WorkersOptions,
} from 'zerosend/generator';
import { checkWorkers } from '../../../lib/generator/workers/workers-options.js';
import { needsRig } from '../../rig/needs.js';
import { startPeer } from '../../support/endpoints.js';
import { ip } from '../../support/links.js';
import { ETHERNET, INTACT, Wire } from './support/wire.js';

const sequence = { layer: 'payload', offset: 0, width: 4 } as const;
const FIELDS: Field[] = [{ target: sequence, counter: {} }];
/** Too short to ask for zero copy. */
const ALL_INLINE = { zerocopy: 0, copied: 0, inline: 500, revoked: 0, failed: 0 };
const packet = {
  ethernet: ETHERNET,
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { source: 1, destination: 9 },
  length: 64,
};

describe('generateInWorkers, over veth', await needsRig('veth', { here: true }), () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await Wire.set('veth');
  });
  afterAll(() => wire?.dispose());

  it('sends each packet once, whoever sends it', async () => {
    const before = await wire.transmitted();
    const count = 10_001; // one worker has one more than the others
    const progress: { packets: number; workers: number }[] = [];
    const { heard, sent: report } = await wire.hear(
      () =>
        generateInWorkers({
          socket: { packet: { interface: wire.rig.senderInterface.name, frames: 256 } },
          template: packet,
          fields: FIELDS,
          workers: 3,
          count,
          rate: 30_000,
          progressInterval: 100,
          onProgress: ({ packets }, { length }) => void progress.push({ packets, workers: length }),
        }),
      { sequence: 0 },
    );
    const after = await wire.transmitted();
    expect(after.packets - before.packets).toBe(count);
    // Not in order: that of one worker is not that of another.
    const whole = { frames: count, bytes: count * 64, unique: count, highest: count - 1 };
    expect(heard).toMatchObject({ ...INTACT, ...whole, late: expect.any(Number) });
    expect(report).toMatchObject({ ended: 'count', packets: count, failed: 0, unfinished: 0 });
    const shares = report.workers.map(({ packets }) => packets);
    expect(shares).toEqual([3334, 3334, 3333]);
    expect(report.bytes).toBe(count * 64);
    // All began at the same time: the rate is that of all together.
    expect(report.seconds).toBeGreaterThan(0.32);
    expect(progress.length).toBeGreaterThan(0);
    const last = progress.at(-1);
    expect(last?.workers).toBe(3);
    expect(last?.packets).toBeLessThanOrEqual(count);
    expect(last?.packets).toBeGreaterThan(0);
  });

  it('stops all with the signal', async () => {
    const report = await generateInWorkers({
      socket: { packet: { interface: wire.rig.senderInterface.name } },
      template: packet,
      workers: 2,
      rate: 1000,
      signal: AbortSignal.timeout(700),
    });
    expect(report).toMatchObject({ ended: 'signal', unfinished: 0 });
    expect(report.packets).toBeLessThan(1000);
  });
});

describe(
  'generateInWorkers, where the kernel refuses',
  await needsRig('veth', { here: true }),
  () => {
    let wire: Wire;
    beforeAll(async () => {
      wire = await Wire.set('veth');
    });
    afterAll(() => wire?.dispose());

    /** Sends until it has been refused, and has been allowed again. */
    async function send(onError: 'stop' | 'skip' | undefined, address: string) {
      const { name } = wire.rig.senderInterface;
      ip(`route replace ${address}/32 dev ${name}`);
      const end = new AbortController();
      let sent = 0;
      let refused = false;
      return generateInWorkers({
        socket: { udp: { remote: { address, port: 9 }, zeroCopy: 'never' } },
        template: { length: 32 },
        workers: 2,
        rate: 2000,
        ...(onError && { onError }),
        signal: end.signal,
        progressInterval: 20,
        onProgress(progress) {
          if (progress.packets > 0 && sent === 0) {
            sent = progress.packets;
            ip(`route replace prohibit ${address}/32`);
          }
          if (!refused && (progress.refused ?? 0) > 0) {
            refused = true;
            sent = progress.packets;
            ip(`route del prohibit ${address}/32`);
            ip(`route replace ${address}/32 dev ${name}`);
          }
          if (refused && progress.packets > sent) end.abort();
        },
      });
    }

    it('goes on where it is told to, and counts what was refused', async () => {
      const report = await send('skip', '198.18.0.77');
      expect(report.ended).toBe('signal');
      expect(report.refused).toBeGreaterThan(0);
      expect(report.refused).toBe(report.workers.reduce((sum, { refused }) => sum + refused, 0));
    });

    it('ends otherwise', async () => {
      await expect(send(undefined, '198.18.0.78')).rejects.toMatchObject({
        code: 'EACCES',
        report: { ended: 'error', refused: 0 },
      });
    });
  },
);

describe('generateInWorkers', () => {
  it('sends datagrams, each worker from a socket of its own', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const remote = { address: '127.0.0.1', port: receiver.port };
    const seen: Progress[] = [];
    const report = await generateInWorkers({
      socket: { udp: { remote } },
      template: { payload: new Uint8Array(50) },
      fields: FIELDS,
      workers: 2,
      count: 500,
      rate: 2000,
      progressInterval: 20,
      onProgress: (progress) => seen.push(progress),
    });
    expect(report).toMatchObject({ packets: 500, sends: 500, outcomes: ALL_INLINE });
    // What each worker tells of its socket and its pool is told of all together.
    for (const { sends, inFlight, outcomes, pool } of seen) {
      const completed = Object.values(outcomes).reduce((sum, part) => sum + part);
      expect(completed).toBeLessThanOrEqual(sends);
      expect(completed + inFlight).toBeGreaterThanOrEqual(outcomes.inline);
      expect(pool.free + pool.acquired + pool.inFlight).toBe(pool.count);
      expect([512, 1024]).toContain(pool.count);
    }
    expect(seen.some(({ pool }) => pool.count === 1024)).toBe(true);
    const { latency, workers } = report;
    expect(latency?.count).toBe(500);
    expect(latency?.max).toBe(Math.max(...workers.map((worker) => worker.latency?.max ?? 0)));
    expect(latency?.p50).toBeGreaterThan(0);
    await receiver.until(({ datagrams }) => datagrams >= 500);
  });

  it('tells of a worker that has ended what it has sent', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const remote = { address: '127.0.0.1', port: receiver.port };
    const end = new AbortController();
    const seen: Progress[] = [];
    await generateInWorkers({
      socket: { udp: { remote } },
      template: { payload: 'x' },
      workers: 2,
      count: 3, // the last one, of the first worker, is never due
      rate: {
        packets: [
          { to: 100, seconds: 0.015 },
          { to: 0, seconds: 1 },
        ],
        catchUp: 1e6,
      },
      signal: end.signal,
      progressInterval: 20,
      onProgress(progress) {
        seen.push(progress);
        if (progress.packets === 2 || seen.length === 50) end.abort();
      },
    });
    const sent = {
      packets: 2,
      bytes: 2,
      sends: 2,
      outcomes: { inline: 2 },
      templates: [{ packets: 2 }],
    };
    expect(seen.at(-1)).toMatchObject(sent);
  });

  it('has each worker wait and go on as it is told to', () => {
    const options = { socket: { udp: {} }, template: { payload: 'x' }, workers: 2 };
    const runs = checkWorkers({ ...options, precision: 'spin', onError: 'skip' }).map(
      ({ run }) => run,
    );
    expect(runs).toEqual(
      Array(2).fill(expect.objectContaining({ precision: 'spin', onError: 'skip' })),
    );
    expect(Object.keys(checkWorkers(options)[0]?.run ?? {})).toEqual(['progressInterval']);
  });

  it('fails with the error of a worker, and stops those that wait for it', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const free = await UdpSocket.open({ address: '127.0.0.1' });
    const port = free.info().local?.port as number;
    await free.close();
    const remote = { address: '127.0.0.1', port: receiver.port };
    await expect(
      generateInWorkers({
        socket: { udp: { address: '127.0.0.1', port, remote } },
        template: { payload: 'x' },
        workers: 2, // only one of them can have the port
      }),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringMatching(/^worker [01]: /),
    });
    expect((await receiver.report()).datagrams).toBe(0);
  });

  it.each<[string, object]>([
    ['two sockets', { socket: { udp: {}, packet: { interface: 'lo' } } }],
    ['no socket', { socket: {} }],
    ['no workers', { workers: 0 }],
    ['fewer packets than workers', { count: 1 }],
    ['a rate of 0', { rate: 0 }],
    ['a rate that is a function, which no thread can be given', { rate: { packets: () => 10 } }],
    ['a field that is not there', { fields: [{ target: 'udp.source', counter: {} }] }],
    ['a misspelt key', { worker: 2 }],
    ['a precision that is none', { precision: 'exact' }],
    ['a policy that is none', { onError: 'ignore' }],
    ['a policy that is a function, which no thread can be given', { onError: () => 'skip' }],
    ['a protocol of its own', { template: { layers: [own({ name: 'x', size: 1, fields: {} })] } }],
  ])('refuses %s', async (_, change) => {
    const good = { socket: { udp: {} }, template: { payload: 'x' }, workers: 2, count: 2 };
    await expect(generateInWorkers({ ...good, ...change } as WorkersOptions)).rejects.toMatchObject(
      { code: expect.stringMatching(/^ERR_ZEROSEND_/) },
    );
  });
});
