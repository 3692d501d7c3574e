// @ts-check
// Measures what single calls cost: runs small.mjs in a process of its own.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startReceiver } from '../rig/index.mjs';
import { CorrectnessError, spawnIn } from './sender-process.mjs';

const PROGRAM = fileURLToPath(new URL('./small.mjs', import.meta.url));

/** @type {import('./contests.mjs').Contest} */
export const small = {
  name: 'small',
  title: 'nanoseconds a call, and quartiles, in a process of its own',
  sink: false,
  async run({ rig, quick }) {
    const receiver = rig ? null : await startReceiver({ protocol: 'udp', discard: true });
    try {
      const address = rig?.receiverAddress.v4 ?? '127.0.0.1';
      const destination = ['--address', address, '--port', String(receiver?.port ?? 9)];
      const time = ['--milliseconds', quick ? '150' : '1500'];
      const args = [PROGRAM, ...destination, ...time];
      const child = spawnIn(rig?.sender ?? null, process.execPath, args);
      let output = '';
      child.stdout?.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
      const [code, signal] = await once(child, 'close');
      if (code !== 0) throw new CorrectnessError(`bench/small.mjs ended with ${signal ?? code}`);
      return { calls: JSON.parse(output) };
    } finally {
      await receiver?.stop();
    }
  },
  table(/** @type {{ calls: import('./small.mjs').SmallResult[] }} */ { calls }) {
    const width = Math.max(...calls.map(({ name }) => name.length));
    return calls
      .map(({ name, nanoseconds: { median, low, high } }) => {
        const figures = `${median.toFixed(0).padStart(6)}  ${low.toFixed(0)}-${high.toFixed(0)}`;
        return `  ${name.padEnd(width)} ${figures}`;
      })
      .join('\n');
  },
};
