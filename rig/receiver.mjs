// @ts-check
// Starts a receiver (receiver.c, frame_receiver.c) in a namespace or on the machine itself, and
// talks to it.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { compileProgram } from './compile.mjs';

/** @typedef {import('./receiver.mjs').Receiver} Contract */
/** @typedef {import('./receiver.mjs').ReceiverOptions} ReceiverOptions */
/** @typedef {import('./receiver.mjs').ReceiverReport} ReceiverReport */

const ANSWER_TIMEOUT = 20_000; // ms
const OPTIONS = /** @type {const} */ ({
  family: '--family',
  address: '--address',
  port: '--port',
  seed: '--seed',
  rate: '--rate',
  rcvbuf: '--rcvbuf',
  resetAfter: '--reset-after',
  halfCloseAfter: '--half-close-after',
  stopAfter: '--stop-after',
});
const FLAGS = /** @type {const} */ ({
  paused: '--paused',
  discard: '--discard',
  truncate: '--truncate',
  keepOpen: '--keep-open',
});

/** @param {ReceiverOptions} options */
function argumentsOf(options) {
  /** @type {string[]} */
  const args = [options.protocol];
  for (const [key, flag] of Object.entries(OPTIONS)) {
    const value = options[/** @type {keyof typeof OPTIONS} */ (key)];
    if (value !== undefined) args.push(flag, String(value));
  }
  for (const [key, flag] of Object.entries(FLAGS)) {
    if (options[/** @type {keyof typeof FLAGS} */ (key)]) args.push(flag);
  }
  if (options.gro === false) args.push('--no-gro');
  return args;
}

/** The running program. Only receiver.c takes commands. @implements {Contract} */
class Receiver {
  /** @type {import('node:child_process').ChildProcess} */
  #child;
  /** @type {Array<{ resolve: (line: any) => void, reject: (error: Error) => void }>} */
  #waiting = [];
  /** @type {Promise<ReceiverReport>} */
  #final;
  #stderr = '';
  family = 4;
  address = '';
  port = 0;
  pid = 0;

  /** @param {import('node:child_process').ChildProcess} child */
  constructor(child) {
    this.#child = child;
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
    stdin.on('error', () => {}); // 'close' reports the end of the program
    stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr += text;
    });
    this.#final = new Promise((resolve, reject) => {
      /** @type {any} */
      let last;
      createInterface({ input: stdout }).on('line', (text) => {
        const line = JSON.parse(text);
        if (line.type === 'final') last = line;
        else this.#waiting.shift()?.resolve(line);
      });
      child.once('error', reject);
      child.once('close', (code, signal) => {
        const how = this.#stderr.trim() || (signal ?? `exit code ${code}`);
        const error = new Error(`the receiver has ended: ${how}`);
        for (const { reject: refuse } of this.#waiting.splice(0)) refuse(error);
        // Its port is free only now, on which callers of `stop` rely.
        if (last === undefined) reject(error);
        else resolve(last);
      });
    });
    this.#final.catch(() => {}); // `stop` returns this promise
  }

  /** @returns {Promise<any>} the next line that answers */
  #answer() {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        return void this.#final.then(() => reject(new Error('the receiver has ended')), reject);
      }
      const late = () => reject(new Error(`the receiver has not answered in ${ANSWER_TIMEOUT} ms`));
      const timer = setTimeout(late, ANSWER_TIMEOUT);
      const settled =
        (/** @type {(value: any) => void} */ settle) => (/** @type {any} */ value) => {
          clearTimeout(timer);
          settle(value);
        };
      this.#waiting.push({ resolve: settled(resolve), reject: settled(reject) });
    });
  }

  async listening() {
    const { family, address, port, pid } = await this.#answer();
    Object.assign(this, { family, address, port, pid });
    return this;
  }

  /** @param {string} line */
  async command(line) {
    const answer = this.#answer();
    this.#child.stdin?.write(`${line}\n`);
    const result = await answer;
    if (result.type === 'unknown-command') throw new TypeError(`no such command: ${line}`);
    return result;
  }

  async pause() {
    await this.command('pause');
  }

  async resume() {
    await this.command('resume');
  }

  /** @param {number} bytesPerSecond */
  async rate(bytesPerSecond) {
    await this.command(`rate ${bytesPerSecond}`);
  }

  async reset() {
    await this.command('reset');
  }

  async halfClose() {
    await this.command('half-close');
  }

  async closeConnections() {
    await this.command('close');
  }

  /** @param {number} bytes */
  async send(bytes) {
    await this.command(`send ${bytes}`);
  }

  /** @param {{ connections?: boolean }} [options] @returns {Promise<ReceiverReport>} */
  report({ connections = false } = {}) {
    return this.command(connections ? 'report connections' : 'report');
  }

  /**
   * @param {(report: ReceiverReport) => boolean} condition
   * @param {{ timeout?: number, interval?: number }} [options]
   */
  async until(condition, { timeout = 20_000, interval = 10 } = {}) {
    const end = performance.now() + timeout;
    for (;;) {
      const report = await this.report();
      if (condition(report)) return report;
      if (performance.now() > end) {
        throw new Error(`not so after ${timeout} ms: ${condition}\n${JSON.stringify(report)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }

  stop() {
    this.#child.stdin?.end();
    return this.#final;
  }

  async [Symbol.asyncDispose]() {
    await this.stop().catch(() => {});
  }
}

/** @type {typeof import('./receiver.mjs').startReceiver} */
export function startReceiver(options) {
  return start('receiver', argumentsOf(options), options.namespace);
}

/** @type {typeof import('./receiver.mjs').startFrameReceiver} */
export async function startFrameReceiver(options) {
  const args = [options.interface];
  if (options.sequence !== undefined) args.push('--sequence', String(options.sequence));
  if (options.save !== undefined) args.push('--save', options.save);
  const receiver = await start('frame_receiver', args, options.namespace);
  return /** @type {any} */ (receiver);
}

/**
 * @param {'receiver' | 'frame_receiver'} name @param {string[]} args
 * @param {import('./index.mjs').Namespace | null | undefined} namespace
 */
async function start(name, args, namespace) {
  const program = await compileProgram(name);
  const child = namespace
    ? namespace.spawn(program, args, { stdio: 'pipe' })
    : spawn(program, args, { stdio: 'pipe' });
  return new Receiver(child).listening();
}
