import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Protocol, Slice } from './measurements.js';
import type { Contestant } from './senders.js';

/** The values that replace {size} and others in a command line. */
export interface Particulars {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** bytes of one send */
  readonly size: number;
  /** how many buffers are sent from in turn */
  readonly buffers: number;
  /** UDP_SEGMENT */
  readonly segment: number;
}

/**
 * Starts another program that is measured, such as one in C. It prints `ready`. For each line with
 * a time in milliseconds it then sends for that time, and answers with a line of JSON: the
 * `seconds` that it took, `userSeconds`, `systemSeconds`, `sends`, `bytes`, `completed` and
 * `zerocopied`.
 * @throws Error where it cannot be started, or says something else
 */
export async function openProgram(
  command: readonly string[],
  particulars: Particulars,
): Promise<Contestant> {
  const [file = '', ...args] = command.map((word) =>
    word.replaceAll(/\{(\w+)\}/g, (all, name: string) =>
      String(particulars[name as keyof Particulars] ?? all),
    ),
  );
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  ended.catch(() => {}); // where it cannot be started, its missing answer is the error
  child.stdin.on('error', () => {}); // as above
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${file} has ended`);
    return value;
  };
  const first = await answer();
  if (first !== 'ready') throw new Error(`${file}: ${first}`);
  return {
    async run(seconds): Promise<Slice> {
      child.stdin.write(`${seconds * 1000}\n`);
      const said = JSON.parse(await answer());
      return {
        seconds: said.seconds,
        cpuSeconds: Math.max(said.userSeconds + said.systemSeconds, 1e-6),
        sends: said.sends,
        bytes: said.bytes,
        zerocopied: said.zerocopied,
        fallbacks: 0,
        failed: said.sends - said.completed,
      };
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
