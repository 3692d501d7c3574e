import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { createRig, type Rig, type RigKind, type RigOptions } from '../../rig/index.mjs';
import { within } from '../support/deadline.js';
import type { Report } from './reports.js';

export type Message = { type: string; [key: string]: unknown };

export interface InsideOptions {
  /** Loads the addon's test build, for its hooks. */
  testBuild?: boolean;
  /** Runs as this user without capabilities, from a folder that everybody can read. */
  user?: number;
  /** RLIMIT_MEMLOCK in bytes. */
  memlock?: number;
  /** Where the checkout is, for another user; default this one. */
  root?: string;
  /** Options of Node.js. */
  node?: readonly string[];
  /** Milliseconds until it has to have ended; default 25000. */
  timeout?: number;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export async function rigUp(kind: RigKind, options: RigOptions = {}): Promise<Rig> {
  const rig = await createRig(kind, options);
  onTestFinished(() => rig.dispose());
  return rig;
}

/** A program of test/truth/programs that runs at the sending end of a rig. */
export class Inside {
  readonly #child: ChildProcess;
  readonly #messages: Message[] = [];
  readonly #ended: Promise<{ how: string; stderr: string }>;
  readonly #timeout: number;
  #read = 0;
  #over = false;
  #arrived: () => void = () => {};

  constructor(rig: Rig, program: string, argument: object, options: InsideOptions = {}) {
    const { testBuild = false, root = ROOT, timeout = 25_000, node = [], ...rest } = options;
    this.#timeout = timeout;
    const native = `${root}/build/Release/zerosend_test.node`;
    const env = testBuild ? { ...process.env, ZEROSEND_NATIVE: native } : process.env;
    const args = [...node, '--expose-gc', `${root}/test/truth/programs/${program}.mjs`];
    const child = rig.sender.spawn(process.execPath, [...args, JSON.stringify(argument)], {
      ...rest,
      env,
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    onTestFinished(() => void child.kill('SIGKILL'));
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.#messages.push(JSON.parse(line));
      this.#arrived();
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#over = true;
        resolve({ how: signal ?? `exit code ${code}`, stderr });
        this.#arrived();
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The next message of that type; those before it are passed over. */
  next(type: string): Promise<Message> {
    const found = (async () => {
      for (;;) {
        while (this.#read < this.#messages.length) {
          const message = this.#messages[this.#read++]!;
          if (message.type === type) return message;
        }
        if (this.#over) {
          const { how, stderr } = await this.#ended;
          throw new Error(`ended (${how}) without saying '${type}': ${stderr}`);
        }
        await new Promise<void>((resolve) => {
          this.#arrived = resolve;
        });
      }
    })();
    return within(found, `'${type}' from ${this.#child.spawnargs.at(-1)}`, this.#timeout);
  }

  /** What it reports at its end, which has to be a good one. */
  async report(): Promise<Report> {
    const report = await this.next('report');
    expect(await within(this.#ended, 'the end of a program')).toEqual({
      how: 'exit code 0',
      stderr: '',
    });
    return report as unknown as Report;
  }
}
