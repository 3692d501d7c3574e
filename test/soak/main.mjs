// @ts-check
// npm run soak -- --minutes 10              everything at once, with random faults
// npm run soak -- --seed 7 --round 12       one round of an earlier run again
//
// As root it runs in the veth rig, where the kernel really does not copy, with a slow link and loss.
// Rings are used too, and routes, MTU, links, rates and limits change while sockets send; otherwise
// over loopback. Workers end in the middle of a flush. Receivers check every byte. Ends with figures, and with exit code 1 when
// an id is missing or double, a byte is wrong, a buffer, a descriptor or memory is not given back.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createRig, startReceiver, whyRigUnavailable } from '../../rig/index.mjs';
import { hasProgram } from '../../scripts/support/exec.mjs';
import { fail, readOptions } from '../../scripts/support/options.mjs';
import { Network } from './network.mjs';
import { randomFrom } from './random.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const USAGE = `usage: npm run soak -- [options]

  --minutes N   0 to 1440, default 1
  --seed N      a whole number: the same faults and sends as in an earlier run
  --round N     this round alone
  --loopback    over loopback, though the veth rig may be there
  --calm        nothing changes in the rig while it runs
  --json        nothing but the summary, in one line`;
const values = readOptions(USAGE, {
  minutes: { type: 'string', default: '1' },
  seed: { type: 'string' },
  round: { type: 'string' },
  loopback: { type: 'boolean', default: false },
  calm: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});
const seed = values.seed === undefined ? (Date.now() ^ process.pid) >>> 0 : Number(values.seed);
const minutes = Number(values.minutes);
const round = values.round === undefined ? undefined : Number(values.round);
if (!(minutes > 0 && minutes <= 24 * 60)) {
  fail(`--minutes takes a number up to 1440; it was '${values.minutes}'`, USAGE);
}
if (!Number.isSafeInteger(seed))
  fail(`--seed takes a whole number; it was '${values.seed}'`, USAGE);
if (round !== undefined && !(Number.isSafeInteger(round) && round >= 0)) {
  fail(`--round takes the number of a round; it was '${values.round}'`, USAGE);
}
const say = values.json ? () => {} : console.log;

const reason = values.loopback ? 'asked for' : await whyRigUnavailable('veth');
const rig = reason === null ? await createRig('veth', { rate: '1gbit', loss: 0.001 }) : null;
say(`seed ${seed}, ${minutes} min, ${rig ? 'veth rig' : `loopback: ${reason}`}`);
const namespace = rig?.receiver ?? null;
const receivers = {
  tcp: await startReceiver({ protocol: 'tcp', seed: 'any', namespace }),
  slow: await startReceiver({ protocol: 'tcp', seed: 'any', namespace, rate: 2_000_000 }),
  reset: await startReceiver({ protocol: 'tcp', seed: 'any', namespace, resetAfter: 3_000_000 }),
  udp: await startReceiver({ protocol: 'udp', seed: 'any', namespace }),
};
const address = rig ? rig.receiverAddress.v4 : '127.0.0.1';
const plan = {
  seed,
  seconds: minutes * 60,
  round,
  interface: rig ? rig.senderInterface.name : null,
  targets: Object.fromEntries(
    Object.entries(receivers).map(([name, { port }]) => [name, { address, port }]),
  ),
};

const argv = ['--expose-gc', join(here, 'child.mjs'), JSON.stringify(plan)];
const env = { ...process.env, ZEROSEND_NATIVE: join(root, 'build/Release/zerosend_test.node') };
// With the capability IPC_LOCK no limit would count.
const [program = '', ...first] = hasProgram('setpriv')
  ? ['setpriv', '--inh-caps=-ipc_lock', '--bounding-set=-ipc_lock', '--', process.execPath]
  : [process.execPath];
const child = rig
  ? rig.sender.spawn(program, [...first, ...argv], {
      env,
      memlock: 8 << 20,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  : spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] });
const network = rig === null || values.calm ? null : new Network(rig, child.pid);
// Later than the child gives up on a round by itself, and says which.
const hang = setTimeout(() => child.kill('SIGKILL'), plan.seconds * 1000 + 150_000);
/** @type {string[]} */
const wrong = [];
/** Which round made bytes wrong, and what the first of them are. */
async function note(/** @type {number} */ after) {
  for (const [name, receiver] of Object.entries(receivers)) {
    if (wrong.some((line) => line.startsWith(name))) continue;
    const { wrongBytes, firstWrong, corrupt, maxLength } = await receiver.report();
    if (wrongBytes === 0) continue;
    const what = JSON.stringify({ wrongBytes, firstWrong, corrupt, maxLength });
    wrong.push(`${name}, after round ${after}: ${what}`);
  }
}
/** @type {any} */
let result = null;
let code = 1;
try {
  const ended = new Promise((settle) => child.once('close', settle));
  for await (const line of createInterface({ input: /** @type {any} */ (child.stdout) })) {
    const said = JSON.parse(line);
    if (said.begin !== undefined) {
      network?.disturb(randomFrom(seed ^ Math.imul(said.begin + 1, 0x85ebca6b)));
      continue;
    }
    await network?.calm();
    result = said;
    if (result.round !== undefined) {
      await note(result.round);
      say(
        `round ${result.round}: ${result.faults.join(', ') || 'no faults'}; rss ${result.rss >> 20} MiB`,
      );
    }
  }
  code = await ended;
} finally {
  clearTimeout(hang);
  await network?.calm();
}

const problems = [];
if (code !== 0 || result?.rounds === undefined) {
  problems.push(`round ${result?.failed}: ${result?.error ?? `ended with ${code}`}`);
}
const reports = Object.fromEntries(
  await Promise.all(Object.entries(receivers).map(async ([name, r]) => [name, await r.stop()])),
);
await rig?.dispose();
for (const [name, report] of Object.entries(reports)) {
  if (report.wrongBytes > 0) problems.push(`receiver ${name}: ${report.wrongBytes} wrong bytes`);
}
problems.push(...wrong.map((line) => `first wrong bytes of ${line}`));
const warm = result?.warm === true; // a short run has nothing to compare with
if (warm && result.end.fds > result.start.fds) problems.push('descriptors were not given back');
if (warm && result.end.rss > result.start.rss + (64 << 20)) problems.push('memory has grown');

const summary = {
  seed,
  minutes,
  rig: rig ? 'veth' : 'loopback',
  ...result,
  changes: network?.made,
  unavailable: network?.unavailable,
  received: Object.fromEntries(Object.entries(reports).map(([name, r]) => [name, r.bytes])),
  problems,
};
console.log(JSON.stringify(summary, null, values.json ? 0 : 2));
if (problems.length > 0) {
  console.error(problems.join('\n'));
  if (result?.failed !== undefined) {
    console.error(`again: npm run soak -- --seed ${seed} --round ${result.failed}`);
  }
  process.exitCode = 1;
}
