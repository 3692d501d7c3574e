import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BufferPool } from 'zerosend';
import { type GenerateOptions, type GeneratorError, generate, replay } from 'zerosend/generator';
import { openTo, startPeer } from '../../support/endpoints.js';
import { folderOfFile } from '../../support/folders.js';
import { hasTool, isRoot, needs } from '../../support/requirements.js';
import { ask } from '../../support/run.js';
import { pcap } from './support/pcap-writer.js';

const folder = folderOfFile();

/** Runs a program of programs/. */
function run(program: string, argument: object) {
  const path = fileURLToPath(new URL(`./programs/${program}`, import.meta.url));
  return ask([process.execPath, path, JSON.stringify(argument)]);
}

const frames = Array.from({ length: 20 }, (_, i) => ({
  bytes: Buffer.from(
    '02000000000202000000000108004500001e00004000401164b1c6120001c61200020400000900' + '0a00006162',
    'hex',
  ),
  time: BigInt(i) * 10_000_000n,
}));

const sum = (parts: { packets: number }[]) => parts.reduce((all, { packets }) => all + packets, 0);

describe('generateInWorkers, when a thread is not to be had', () => {
  const job = { template: { payload: 'x' }, workers: 3, count: 300, rate: 1000 };
  const refused = needs(isRoot() && hasTool('prlimit'), 'root and the tool prlimit');

  // Each thread of ours has a second one, which reads completions.
  it.each([0, 1, 2, 3, 4, 5])(
    'fails with a code, and ends all, where there are %i more',
    refused,
    async (spare) => {
      const receiver = await startPeer({ protocol: 'udp', discard: true });
      const user = 50_000 + (process.pid % 10_000);
      const { port } = receiver;
      const said = await run('few-threads.mjs', { ...job, port, spare, user });
      // No thread at all, or none that reads completions.
      expect(said.code).toMatch(/^(ERR_ZEROSEND_WORKER|EAGAIN)$/);
      expect(said.message).toMatch(/^worker [012]/);
      expect(said.report).toMatchObject({ ended: 'error', packets: sum(said.report.workers) });
      expect(said.report.workers).toHaveLength(3);
      expect(said.left).toBeLessThanOrEqual(0);
      // Those that could begin were told to end, and did: nobody had to terminate them.
      const ended = said.report.workers.map((worker: { ended: string }) => worker.ended);
      if (spare > 3) expect(ended).toContain('signal');
      const { packets } = said.report;
      const heard = await receiver.until(({ datagrams }) => datagrams >= packets);
      expect(heard.datagrams).toBe(packets);
    },
  );

  it.each([0, 1, 2, 3, 4])(
    'fails in a replay as well where there are %i more',
    refused,
    async (spare) => {
      const receiver = await startPeer({ protocol: 'udp', discard: true });
      const user = 50_000 + (process.pid % 10_000);
      const { port } = receiver;
      const capture = join(folder, 'capture.pcap');
      writeFileSync(capture, pcap(frames));
      chmodSync(folder, 0o755);
      const loops = 1e9;
      const said = await run('few-threads.mjs', { capture, loops, workers: 3, port, spare, user });
      expect(said.code).toMatch(/^(ERR_ZEROSEND_WORKER|EAGAIN)$/);
      expect(said.message).toMatch(/^worker [012]/);
      expect(said.left).toBeLessThanOrEqual(0);
    },
  );

  // Where a thread has less than it begins with, V8 ends the thread, or from Node.js 22 on the process.
  const endsProcess = Number.parseInt(process.versions.node, 10) >= 22;
  it.each([
    ...(endsProcess ? [] : [['no heap to begin with', { maxOldGenerationSizeMb: 1 }] as const]),
    ['little heap', { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: endsProcess ? 4 : 2 }],
  ] as const)('fails with a code where a thread has %s', async (_, heap) => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const said = await run('small-threads.mjs', { ...job, port: receiver.port, small: 1, heap });
    expect(said).toMatchObject({
      code: 'ERR_ZEROSEND_WORKER',
      message: expect.stringContaining('worker 1 has failed'),
      report: { ended: 'error', packets: 0 },
    });
    expect((await receiver.report()).datagrams).toBe(0);
  });
});

describe('a thread that dies', () => {
  it.each([
    ['generateInWorkers', { template: { payload: 'x' }, rate: 1000 }],
    ['replayInWorkers', { capture: true, loops: 1e9 }],
  ])('has what it had sent in the report of %s', async (name, job) => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const capture = join(folder, `${name}.pcap`);
    writeFileSync(capture, pcap(frames));
    const options = 'capture' in job ? { ...job, capture } : job;
    const { port } = receiver;
    const more = { workers: 1, progressInterval: 20, port };
    const said = await run('dying-thread.mjs', { ...options, ...more });
    const { report, told } = said;
    expect(said.message).toBe('worker 0 ended with code 1 before it was done');
    expect(report).toMatchObject({ ended: 'error', packets: told, sends: told });
    expect(report.workers).toMatchObject([{ ended: 'error', packets: told }]);
    expect(told).toBeGreaterThan(0);
  });
});

describe('a run that fails', () => {
  const setUp = async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    return { receiver, socket: await openTo(receiver) };
  };

  it('has its report, and tells of the socket that others close', async () => {
    const { receiver, socket } = await setUp();
    const error: GeneratorError = await generate({
      socket,
      template: { payload: 'x' },
      rate: 1, // it sleeps when the socket is closed
      progressInterval: 10,
      onProgress: () => void socket.close(),
    }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error).toMatchObject({
      code: 'ERR_ZEROSEND_SOCKET_CLOSED',
      report: { ended: 'error', packets: 1, sends: 1, failed: 0, unfinished: 0 },
    });
    expect((await receiver.until(({ datagrams }) => datagrams >= 1)).datagrams).toBe(1);
  });

  it('is not one whose socket is closed once it was stopped', async () => {
    const { socket } = await setUp();
    const stop = new AbortController();
    const report = await generate({
      socket,
      template: { payload: 'x' },
      rate: 1,
      signal: stop.signal,
      progressInterval: 10,
      onProgress() {
        stop.abort();
        void socket.close();
      },
    });
    expect(report).toMatchObject({ ended: 'signal', packets: 1, unfinished: 0 });
  });

  it('has its report, when it is a replay', async () => {
    const { socket } = await setUp();
    const error: GeneratorError = await replay({
      socket,
      capture: pcap(frames),
      loopGap: 1e6, // it sleeps when the socket is closed
      loops: 2,
      speed: 1000,
      progressInterval: 10,
      onProgress: ({ packets }) => void (packets === 20 && socket.close()),
    }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error).toMatchObject({
      code: 'ERR_ZEROSEND_SOCKET_CLOSED',
      report: { ended: 'error', packets: 20, loops: 1, frames: 20, failed: 0, problem: null },
    });
  });

  it('by what a function throws of another socket leaves its own open', async () => {
    const { socket } = await setUp();
    const { socket: other } = await setUp();
    await other.close();
    const fill = (): number => other.send(new Uint8Array(1));
    await expect(generate({ socket, fill })).rejects.toThrow(/^the socket is closed$/);
    expect(await generate({ socket, template: { payload: 'x' }, count: 1 })).toMatchObject({
      packets: 1,
    });
  });

  it('by an error of a file does not say that it is about the socket', async () => {
    const { socket } = await setUp();
    const missing = join(folder, 'missing');
    const fill = (): number => readFileSync(missing).length;
    const error: GeneratorError = await generate({ socket, fill }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'ENOENT', report: { ended: 'error', packets: 0 } });
    expect(error.message).not.toContain('port');
    expect(error).not.toHaveProperty('port');
  });

  it('leaves socket and pool to the next one', async () => {
    const { socket } = await setUp();
    const pool = new BufferPool({ bufferSize: 64, count: 8 });
    const good = { socket, pool, template: { payload: 'x' }, count: 1 };
    const boom = new Error('boom');
    const onProgress = () => {
      throw boom;
    };
    const forever = { ...good, count: 1e6, rate: 1000, progressInterval: 10, onProgress };
    await expect(generate(forever)).rejects.toBe(boom);
    expect(await generate(good)).toMatchObject({ packets: 1 });
    const capture = Buffer.from('text');
    await expect(replay({ socket, capture })).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_CAPTURE',
    });
    expect(await generate(good)).toMatchObject({ packets: 1 });
    await pool.close();
  });
});

describe('two runs at once', () => {
  const capture = pcap(frames);

  it.each([
    ['generate', 'generate'],
    ['generate', 'replay'],
    ['replay', 'generate'],
    ['replay', 'replay'],
  ])('on one socket are refused: %s, then %s', async (first, second) => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const runs: Record<string, () => Promise<{ packets: number }>> = {
      generate: () => generate({ socket, template: { payload: 'x' }, count: 20, rate: 100 }),
      replay: () => replay({ socket, capture }),
    };
    const running = runs[first]?.();
    await expect(runs[second]?.()).rejects.toMatchObject({ code: 'ERR_ZEROSEND_BUSY' });
    expect(await running).toMatchObject({ packets: 20, failed: 0 });
    expect(await runs[second]?.()).toMatchObject({ packets: 20 });
    expect((await receiver.until(({ datagrams }) => datagrams >= 40)).datagrams).toBe(40);
  });

  it('in one pool are refused, also on two sockets', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const pool = new BufferPool({ bufferSize: 64, count: 8 });
    const options = async (): Promise<GenerateOptions> => ({
      socket: await openTo(receiver),
      pool,
      template: { payload: 'x' },
      count: 20,
      rate: 200,
    });
    const running = generate(await options());
    await expect(generate(await options())).rejects.toMatchObject({ code: 'ERR_ZEROSEND_BUSY' });
    expect(await running).toMatchObject({ packets: 20 });
    expect(await generate(await options())).toMatchObject({ packets: 20 });
    await pool.close();
  });
});
