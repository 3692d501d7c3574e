import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { within } from './deadline.js';
import { run } from './links.js';

/**
 * A second network namespace, of a test that has one of its own: interfaces can be moved there, and
 * programs run. It ends with the process that holds it, at the end of the test.
 */
export class OtherNamespace {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(): Promise<OtherNamespace> {
    // It ends when its input does, even if this process is killed.
    const args = ['--net', 'sh', '-c', 'echo ready; exec cat'];
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await within(once(holder.stdout, 'data'), 'a network namespace');
    const namespace = new OtherNamespace(holder);
    namespace.run('ip link set lo up');
    return namespace;
  }

  /** What a command line begins with to run inside. */
  get prefix(): string[] {
    return ['nsenter', `--target=${this.#holder.pid}`, '--net', '--'];
  }

  /** Runs a command inside to its end, and returns what it prints. */
  run(command: string): string {
    return run(`${this.prefix.join(' ')} ${command}`);
  }

  /** Moves an interface of this process's namespace inside, and sets it up. */
  take(name: string): void {
    run(`ip link set ${name} netns ${this.#holder.pid}`);
    this.run(`ip link set ${name} up`);
  }
}
