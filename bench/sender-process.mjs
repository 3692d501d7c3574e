// @ts-check
// One sending program of a contest: a process that stays alive and sends in slices on
// request.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * One slice. Both sides print these; `completed` is the sum of the three that follow it.
 * @typedef {object} Slice
 * @property {number} seconds
 * @property {number} userSeconds
 * @property {number} systemSeconds
 * @property {number | null} threadSeconds CPU of the thread that sends; null where nobody tells
 * @property {number} sends
 * @property {number} bytes
 * @property {number} completed
 * @property {number} zerocopied
 * @property {number} copied
 * @property {number} inlined
 * @property {number[]} [waits] seconds from a send to its completion, of programs that measure these
 * @property {number} violations ids that completed twice, never, or were not sent
 *
 * @typedef {import('./run-contest.mjs').Program} Program
 * @typedef {import('../rig/index.mjs').Namespace} Namespace
 */

/**
 * A program has lost or invented a completion, or worked in another way than it should: its figures
 * are worthless.
 */
export class CorrectnessError extends Error {}

/** The system has refused something that a program needs: a limit, or a privilege. */
export class RefusedError extends Error {}

const PATIENCE = 15_000; // ms beyond the slice
const JS_SENDER = fileURLToPath(new URL('./js/sender.mjs', import.meta.url));

/**
 * @param {string} command @param {string[]} args @param {Namespace | null} namespace
 * @returns {import('node:child_process').ChildProcess}
 */
export function spawnIn(namespace, command, args) {
  const stdio = /** @type {const} */ (['pipe', 'pipe', 'inherit']);
  return namespace
    ? namespace.spawn(command, args, { stdio: [...stdio] })
    : spawn(command, args, { stdio: [...stdio] });
}

export class SenderProcess {
  /** @type {import('node:child_process').ChildProcess} */
  #child;
  /** @type {AsyncIterator<string>} */
  #lines;
  bytes = 0;
  sends = 0;

  /**
   * @param {Program} program
   * @param {{ cSender: string, namespace: Namespace | null, destination: string[] }} where
   */
  constructor(program, { cSender, namespace, destination }) {
    this.program = program;
    const [command, first] =
      program.language === 'c' ? [cSender, []] : [process.execPath, [program.sender ?? JS_SENDER]];
    this.#child = spawnIn(namespace, command, [...first, ...program.args, ...destination]);
    const { stdin, stdout } = this.#child;
    if (stdin === null || stdout === null) throw new Error('no pipes');
    stdin.on('error', () => {}); // the end of its output reports that it has ended
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async ready() {
    const line = await this.#line(PATIENCE);
    if (line.startsWith('refused: ')) throw new RefusedError(`${this.program.name}: ${line}`);
  }

  /** @param {number} seconds @returns {Promise<Slice>} */
  async run(seconds) {
    this.#child.stdin?.write(`${seconds * 1000}\n`);
    /** @type {Slice} */
    const slice = JSON.parse(await this.#line(seconds * 1000 + PATIENCE));
    this.bytes += slice.bytes;
    this.sends += slice.sends;
    this.#check(slice);
    return slice;
  }

  /** @param {Slice} slice */
  #check(slice) {
    const { name, how } = this.program;
    const { sends, completed, violations } = slice;
    const of = JSON.stringify(slice);
    if (sends === 0) throw new CorrectnessError(`${name}: nothing was sent: ${of}`);
    if (completed !== sends || violations > 0) {
      throw new CorrectnessError(`${name}: not every send completed exactly once: ${of}`);
    }
    if (how !== undefined && slice[how] !== sends) {
      throw new CorrectnessError(`${name}: every send should have been ${how}: ${of}`);
    }
  }

  async stop() {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE);
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, 'exit');
    }
    clearTimeout(timer);
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== 0) {
      throw new CorrectnessError(`${this.program.name} ended with ${signalCode ?? exitCode}`);
    }
  }

  kill() {
    this.#child.kill('SIGKILL');
  }

  /** @param {number} timeout ms */
  async #line(timeout) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      const error = new CorrectnessError(`${this.program.name} has not answered in ${timeout} ms`);
      timer = setTimeout(() => reject(error), timeout);
    });
    const next = await Promise.race([this.#lines.next(), late]).finally(() => clearTimeout(timer));
    if (next.done) throw new CorrectnessError(`${this.program.name} has ended before its time`);
    return next.value;
  }
}
