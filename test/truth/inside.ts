import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import type { Rig } from '../../rig/index.mjs';
import { Program } from '../support/program.js';
import type { Report } from './reports.js';

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

/** A program of test/truth/programs that runs at the sending end of a rig. */
export class Inside extends Program {
  constructor(rig: Rig, program: string, argument: object, options: InsideOptions = {}) {
    const { testBuild = false, root = ROOT, timeout = 25_000, node = [], ...rest } = options;
    const native = `${root}/build/Release/zerosend_test.node`;
    const env = testBuild ? { ...process.env, ZEROSEND_NATIVE: native } : process.env;
    super(new URL(`test/truth/programs/${program}.mjs`, pathToFileURL(`${root}/`)), argument, {
      node: [...node, '--expose-gc'],
      timeout,
      spawn: (file, args, stdio) =>
        rig.sender.spawn(file, args, { ...rest, ...stdio, env, cwd: root }),
    });
  }

  /** What it reports at its end, which has to be a good one. */
  async report(): Promise<Report> {
    const report = await this.next('report');
    expect(await this.exit()).toMatchObject({ code: 0, signal: null, stderr: '' });
    return report as unknown as Report;
  }
}
