import { spawn } from 'node:child_process';
import { ForksPoolWorker, type PoolOptions } from 'vitest/node';
import { ownNamespace, whyNoOwnNamespace } from '../../rig/index.mjs';

/** Runs each file of tests in a process with a network namespace of its own, with loopback up. */
class AloneWorker extends ForksPoolWorker {
  override readonly name = 'alone';
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    super(options);
    this.#options = options;
  }

  override async start(): Promise<void> {
    const { execArgv, env } = this.#options;
    const [file = '', ...args] = [...ownNamespace(['link set lo up']), process.execPath];
    // biome-ignore lint/complexity/useLiteralKeys: it is declared private, and has no other door
    this['_fork'] = spawn(file, [...args, ...execArgv, this.entrypoint], {
      env: { ...process.env, ...env, ZEROSEND_TEST_ALONE: '1' },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    await super.start();
  }
}

/** Where no namespace can be made, the tests run as others do, and skip. */
export const alonePool = {
  name: 'alone',
  createPoolWorker: (options: PoolOptions) =>
    whyNoOwnNamespace() === null ? new AloneWorker(options) : new ForksPoolWorker(options),
};
