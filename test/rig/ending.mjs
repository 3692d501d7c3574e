// @ts-check
// For rig.test.ts: a process that sets a rig up, says what it made, and ends in the way it is told.
import { createRig } from '../../rig/index.mjs';

const how = process.argv[2] ?? 'dispose';
const kind = /** @type {import('../../rig/index.mjs').RigKind} */ (process.argv[3] ?? 'sink');
const rig = await createRig(kind);
const inside = rig.sender.spawn('sleep', ['600'], { stdio: 'ignore' });
const orphan = rig.sender.spawn('sh', ['-c', 'sleep 600 & echo $!'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
const pid = await new Promise((resolve) => orphan.stdout?.once('data', resolve));
const [name, at] = [rig.sender.name, rig.sender.prefix.indexOf('netns')];
const host = rig.sender.prefix.slice(0, at - 1);
const pids = [inside.pid, Number(pid)];
process.stdout.write(`${JSON.stringify({ name, host, pids, receiver: rig.receiver?.name })}\n`);
if (how === 'dispose') await rig.dispose();
else if (how === 'exit') process.exit(0);
else if (how === 'throw') setImmediate(() => void JSON.parse('{'));
else if (how !== 'return') process.kill(process.pid, how);
else inside.unref();
