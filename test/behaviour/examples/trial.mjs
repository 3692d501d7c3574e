// @ts-check
// Leaves a program running with a timer, an HTTP server and a signal handler beside it, then asks it
// to end. Prints what it saw: node trial.mjs SECONDS PROGRAM [ARGUMENT...]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const [, , seconds, ...program] = process.argv;
const beside = new URL('beside.mjs', import.meta.url).href;
const child = spawn(process.execPath, ['--import', beside, ...program], {
  stdio: ['ignore', 'ignore', 'pipe'],
});
const watchdog = setTimeout(() => child.kill('SIGKILL'), 30_000);
let stderr = '';
child.stderr.setEncoding('utf8').on('data', (text) => {
  stderr += text;
});
const ended = once(child, 'close');
const match = async () => {
  for (;;) {
    const port = /^port (\d+)$/m.exec(stderr)?.[1];
    if (port !== undefined) return port;
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${stderr}`);
    await delay(10);
  }
};
const url = `http://127.0.0.1:${await match()}`;
/** @returns {Promise<{ ticks: number, cpu: number }>} */
const ask = async () => /** @type {any} */ (await (await fetch(url)).json());

await ask();
await delay(500); // until it sends
const first = await ask();
let answers = 0;
for (const end = performance.now() + Number(seconds) * 1000; performance.now() < end; answers++) {
  await ask();
  await delay(50);
}
const last = await ask();
child.kill('SIGTERM');
const [code, signal] = await ended;
clearTimeout(watchdog);
const cpu = last.cpu - first.cpu;
console.log(
  JSON.stringify({
    code,
    signal,
    // By the time that the program has had, which is less than there was on a machine that is busy.
    ticksASecond: Math.round((last.ticks - first.ticks) / Math.max(cpu, 0.1)),
    answers,
    sawSignal: stderr.includes('SIGTERM'),
    stderr: stderr.replace(/^(port \d+|SIGTERM)\n/gm, ''),
  }),
);
