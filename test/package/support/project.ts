import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type Ended, run } from './run.js';

/** What is written into a project that nothing else is in. */
type Files = Readonly<Record<string, string>>;

/** Somebody's program, in a folder of its own that is removed after the test. */
export class Project {
  readonly folder: string;

  constructor(files: Files = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'zerosend-project-'));
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    const program = readFileSync(new URL('../programs/sends.mjs', import.meta.url), 'utf8');
    this.write({ 'package.json': '{ "private": true }', 'sends.mjs': program, ...files });
  }

  write(files: Files): void {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Runs a program in the folder, and expects that it succeeds. */
  async run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const ended = await run(command, args, { cwd: this.folder, env });
    if (ended.code !== 0) {
      throw new Error(
        `${command} ${args.join(' ')}: ${ended.code}\n${ended.stdout}${ended.stderr}`,
      );
    }
    return ended;
  }

  node(...args: string[]): Promise<Ended> {
    return this.run(process.execPath, args);
  }

  /** Installs the package by npm, which must have nothing to complain of. */
  async install(tarball: string, ...args: string[]): Promise<void> {
    const ended = await this.run('npm', ['install', ...QUIET, ...args, tarball]);
    expect(complaintsOf(ended)).toEqual([]);
  }

  /** Runs the program that sends, by Node.js or by what `command` is. */
  async sends(command: readonly string[] = [process.execPath], env: NodeJS.ProcessEnv = {}) {
    const [program = '', ...args] = command;
    const { stdout } = await this.run(program, [...args, 'sends.mjs'], env);
    expect(JSON.parse(stdout)).toEqual({
      udp: { outcome: 'drained', ids: 8, completed: 8, received: 8 },
      tcp: { outcome: 'drained', ids: 8, completed: 8, received: 8 * 60_000 },
    });
  }
}

export const QUIET = ['--no-audit', '--no-fund'];

/**
 * The lines in which a package manager has something to say of a package that wants to compile or to
 * run something; what npm says of itself and of the user's settings is none of it.
 */
export function complaintsOf({ stdout, stderr }: Ended): string[] {
  return `${stdout}\n${stderr}`
    .split('\n')
    .filter((line) => /\bwarn|gyp|script|approve-builds|deprecated/i.test(line))
    .filter((line) => !/^npm warn (cli|Unknown)\b/.test(line));
}
