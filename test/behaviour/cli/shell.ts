// Starts the command as a person does: at a terminal, into a pipe, with Ctrl-C.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { within } from '../../support/deadline.js';

export const zerosend = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface StartOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** milliseconds after which it is killed, which fails the test */
  timeout?: number;
}

/** A process whose output is kept, and that is killed when the test ends. */
export class Running {
  readonly child: ChildProcess;
  readonly #ended: Promise<Ended>;
  readonly #timeout: number;
  #stdout = '';
  #stderr = '';
  #arrived: () => void = () => {};

  constructor(argv: readonly string[], { env, cwd, timeout = 30_000 }: StartOptions = {}) {
    const [file = '', ...args] = argv;
    // What the tests run in is no terminal that a person has asked colours of.
    const { NO_COLOR: _, FORCE_COLOR: __, ...own } = process.env;
    const plain = { ...own, TERM: 'xterm', ...env };
    this.child = spawn(file, args, { env: plain, cwd, stdio: 'pipe' });
    this.#timeout = timeout;
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#arrived();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#arrived();
    });
    this.child.stdin?.on('error', () => {}); // it may end without reading
    this.#ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
        this.#arrived();
      });
    });
    onTestFinished(() => void this.child.kill('SIGKILL'));
  }

  /** Resolves when what was printed up to now matches. */
  async printed(pattern: RegExp, from: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    const text = () => (from === 'stdout' ? this.#stdout : this.#stderr);
    const seen = (async () => {
      while (!pattern.test(text())) {
        if (this.child.exitCode !== null) throw new Error(`ended without ${pattern}: ${text()}`);
        await new Promise<void>((resolve) => {
          this.#arrived = resolve;
        });
      }
    })();
    await within(seen, `${pattern} on ${from}`, this.#timeout);
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  ended(): Promise<Ended> {
    return within(this.#ended, `the end of ${this.child.spawnargs.join(' ')}`, this.#timeout);
  }
}

/** Runs a program to its end, its output into pipes. */
export function pipe(argv: readonly string[], options?: StartOptions): Promise<Ended> {
  return new Running(argv, options).ended();
}

/** At a terminal of its own (script(1)), of 24 lines and 80 columns; its keys are `type`. */
export function atTerminal(argv: readonly string[], options?: StartOptions): Running {
  const quoted = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const line = `stty rows 24 cols 80; exec ${quoted}`;
  return new Running(['script', '-qec', line, '/dev/null'], options);
}

/** What a terminal of 80 columns shows in the end of what was written to it. */
export function screen(written: string): string[] {
  let lines = [''];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals are told by
  for (const [part] of written.matchAll(/\x1b\[\d*[A-Za-z]|\r|\n|[^\r\n\x1b]+|\x1b\[[\d;]*m/g)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the same
    const up = /^\x1b\[(\d+)A/.exec(part)?.[1];
    if (up !== undefined) lines = [...lines.slice(0, lines.length - 1 - Number(up)), ''];
    else if (part === '\n') lines.push('');
    else if (!part.startsWith('\x1b') && part !== '\r') lines[lines.length - 1] += part;
  }
  return lines;
}
