import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { within } from './deadline.js';

export interface Message {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each program says what it has to say
  [key: string]: any;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  messages: Message[];
}

export interface ProgramOptions {
  /** Options of Node.js. */
  node?: readonly string[];
  /** Milliseconds after which it is killed, which fails the test. */
  timeout?: number;
  /** Starts it; by default child_process.spawn. */
  spawn?: (file: string, args: string[], options: SpawnOptions) => ChildProcess;
}

/**
 * A Node.js program in a process of its own, for things that would end the process of the test.
 * What it sends with say.mjs arrives as messages. It is killed when the test ends.
 */
export class Program {
  readonly messages: Message[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<Exit>;
  readonly #timeout: number;
  #read = 0;
  #arrived: () => void = () => {};

  constructor(url: URL, argument: object, options: ProgramOptions = {}) {
    const { node = [], timeout = 20_000, spawn: start = spawn } = options;
    this.#timeout = timeout;
    const args = [...node, fileURLToPath(url), JSON.stringify(argument)];
    const child = start(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.messages.push(JSON.parse(line));
      this.#arrived();
    });
    this.#exit = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve({ code, signal, stderr, messages: this.messages });
        this.#arrived();
      });
    });
    onTestFinished(() => void child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The next message of a type. Messages of other types before it are skipped. */
  async next(type: string): Promise<Message> {
    const found = (async () => {
      for (;;) {
        while (this.#read < this.messages.length) {
          const message = this.messages[this.#read++];
          if (message?.type === type) return message;
        }
        if (!this.running) {
          const { code, signal, stderr } = await this.#exit;
          if (this.#read < this.messages.length) continue;
          throw new Error(`ended (${signal ?? code}) without saying '${type}': ${stderr}`);
        }
        await new Promise<void>((resolve) => {
          this.#arrived = resolve;
        });
      }
    })();
    return within(found, `'${type}' from ${this.#child.spawnargs.at(-1)}`, this.#timeout);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has ended by itself, with its exit code or signal. */
  exit(): Promise<Exit> {
    return within(this.#exit, 'the end of a program', this.#timeout);
  }
}
