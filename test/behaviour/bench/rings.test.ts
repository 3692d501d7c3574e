import { type ChildProcess, type ExecFileOptions, execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { compileSender } from '../../../bench/compile.mjs';
import { frameArgs, frames } from '../../../bench/frames.mjs';
import type { Program } from '../../../bench/run-contest.mjs';
import { CorrectnessError, SenderProcess } from '../../../bench/sender-process.mjs';
import { Sink } from '../../../bench/sinks.mjs';
import { createRig, type Rig } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { folderOfTest } from '../../support/folders.js';
import { isRoot } from '../../support/requirements.js';

const RUN = fileURLToPath(new URL('../../../bench/run.mjs', import.meta.url));
const run = promisify(execFile);
/** Says the first four bytes and the length of each datagram to port 9. */
const LISTENER = `const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (m) => console.log(m.readUInt32BE(0) + ' of ' + m.length + ' bytes'));
socket.bind(9, () => console.log('ready'));`;

interface Outcome {
  leftOut: { name: string; reason: string }[];
  contests: {
    name: string;
    leftOut: { name: string; reason: string }[];
    results: { name: string; zerocopiedShare: number; cpuSecondsPerGigabyte: Figure }[];
    goals: { program: string; ratio: { ratio: number } }[];
  }[];
}
interface Figure {
  median: number;
}

async function bench(only: string, options: ExecFileOptions = {}): Promise<Outcome> {
  const args = [RUN, '--json', '--rounds', '1', '--seconds', '0.1', '--only', only];
  const { stdout } = await run(process.execPath, args, { ...options, encoding: 'utf8' });
  return JSON.parse(stdout);
}

describe('npm run bench, with rings', await needsRig('sink'), () => {
  // It exits with 1 when an id was lost or came twice, when one completed otherwise than it must,
  // and when an interface has counted more or fewer frames than its program.
  it.each([
    ['ring-small', 5, 1, ['tcpreplay', 'trafgen']],
    ['xdp-small', 5, 0, []],
    ['ring-tso', 6, 1, []],
  ])('finds every program of %s correct', async (name, programs, share, optional) => {
    const { contests, leftOut } = await bench(`^${name}$`);
    expect(leftOut).toEqual([]);
    expect(contests.map((contest) => contest.name)).toEqual([name]);
    const [{ results, goals, leftOut: tools } = { results: [], goals: [], leftOut: [] }] = contests;
    const others = results.filter((result) => !optional.includes(result.name));
    expect(others).toHaveLength(programs);
    // A tool of others takes part, or is said to be missing.
    const said = [...results, ...tools].map((one) => one.name);
    expect(said).toEqual(expect.arrayContaining(optional));
    for (const result of results) expect(result.cpuSecondsPerGigabyte.median).toBeGreaterThan(0);
    for (const { program, ratio } of goals) {
      const shares = results.filter((result) => result.name === program);
      expect(shares.map(({ zerocopiedShare }) => zerocopiedShare)).toEqual([share]);
      expect(ratio.ratio).toBeGreaterThan(0);
    }
    expect(goals.length).toBeGreaterThan(0);
  });

  it('runs them without root, or says what is in the way', async () => {
    // A user of this run alone: what all processes of a user have locked is counted together.
    const user = isRoot() ? { uid: 1_000_000 + process.pid } : {};
    const { contests, leftOut } = await bench('^(ring|xdp)-', user);
    const names = [...contests, ...leftOut].map(({ name }) => name);
    expect(names.sort()).toEqual(['ring-small', 'ring-tso', 'xdp-small']);
    for (const { reason } of leftOut) expect(reason).not.toBe('');
  });
});

describe('the checks of the benchmarks', await needsRig('veth'), () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig('veth');
  });
  afterAll(() => rig?.dispose());

  it('notice a frame that the interface has not seen, and one that it has seen twice', async () => {
    const sink = new Sink(rig.sender, 0);
    await sink.create();
    onTestFinished(() => sink.remove());
    await sink.check('nothing', 0);
    await expect(sink.check('a program', 1000)).rejects.toThrow(CorrectnessError);
    await expect(sink.check('a program', -1000)).rejects.toThrow('-1000 frames were sent');
  });

  it.each([
    ['loses an id', { sends: 2, completed: 1, zerocopied: 1 }, 'completed exactly once'],
    ['ends an id twice', { sends: 2, completed: 2, zerocopied: 2, violations: 1 }, 'exactly once'],
    ['copies', { sends: 2, completed: 2, copied: 2 }, 'should have been zerocopied'],
    ['sends nothing', { sends: 0, completed: 0 }, 'nothing was sent'],
  ])('notice a program that %s', async (_, slice, message) => {
    const folder = folderOfTest();
    const cSender = join(folder, 'sender');
    const line = JSON.stringify({ violations: 0, zerocopied: 0, copied: 0, inlined: 0, ...slice });
    writeFileSync(cSender, `#!/bin/sh\necho ready\nread x\necho '${line}'\n`);
    chmodSync(cSender, 0o755);
    const program: Program = { name: 'it', language: 'c', args: [], how: 'zerocopied' };
    const sender = new SenderProcess(program, { cSender, namespace: null, destination: [] });
    onTestFinished(() => sender.kill());
    await sender.ready();
    await expect(sender.run(0.01)).rejects.toThrow(message);
  });

  it.each([
    ['c', 'packet', frameArgs(frames.small)],
    ['c', 'packet', [...frameArgs(frames.small), '--copy']],
    ['c', 'xdp', frameArgs(frames.small)],
    ['js', 'packet', ['ring', '--frame', 'small', '--batch', '64']],
    ['js', 'packet', ['ring', '--frame', 'small']],
    ['js', 'xdp', ['ring', '--frame', 'small', '--batch', '64']],
  ] as const)('stand on frames that arrive, each with its number: %s, %s', async (...what) => {
    const [language, protocol, args] = what;
    const { sender: namespace, receiver, senderInterface, receiverInterface } = rig;
    const listener = receiver?.spawn(process.execPath, ['-e', LISTENER]) as ChildProcess;
    const listened = once(listener, 'exit'); // until then no other one has the port
    onTestFinished(async () => {
      listener.kill();
      await listened;
    });
    const { name } = receiverInterface as { name: string };
    await receiver?.run('ip', ['link', 'set', 'dev', name, 'address', '02:00:00:00:00:02']);
    const lines = createInterface({ input: listener.stdout as Readable })[Symbol.asyncIterator]();
    expect(await lines.next()).toMatchObject({ value: 'ready' });
    const cSender = await compileSender();
    const destination = ['--protocol', protocol, '--interface', senderInterface.name];
    const program = { name: 'it', language, args: [...args] };
    const sender = new SenderProcess(program, { cSender, namespace, destination });
    onTestFinished(() => sender.kill());
    await sender.ready();
    // The shortest run there is: as many frames as are sent between two looks at the clock.
    const { sends } = await sender.run(0);
    expect(sends).toBe(64);
    for (let number = 0; number < sends; number++) {
      expect(await lines.next()).toMatchObject({ value: `${number} of 22 bytes` });
    }
    await sender.stop();
  });
});
