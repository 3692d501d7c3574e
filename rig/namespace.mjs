// @ts-check
// One network namespace of a rig, and the programs that run inside. A Node process cannot
// enter a network namespace, so everything inside runs in a process of its own, unless the rig has
// its sending end where this process is.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { removeNamespace, removeNamespaceSync } from './cleanup.mjs';
import { callable, RigUnavailableError, runOn, withSystemPath } from './host.mjs';

/** @typedef {import('./index.mjs').Namespace} Contract */
/** @typedef {import('./index.mjs').NamespaceSpawnOptions} SpawnOptions */

/** @param {string | URL} path */
const pathOf = (path) => (typeof path === 'string' ? path : fileURLToPath(path));

/** @implements {Contract} */
export class Namespace {
  /** @type {import('./host.mjs').Host} */
  #host;
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #children = new Set();

  #here;

  /**
   * @param {import('./host.mjs').Host} host @param {string} name the name of the namespace and of
   * its interface
   * @param {boolean} [here] whether it is the namespace of this process
   */
  constructor(host, name, here = false) {
    this.#host = host;
    this.#here = here;
    this.name = name;
  }

  get prefix() {
    return this.#prefixIn(process.cwd());
  }

  /** @param {string} cwd */
  #prefixIn(cwd) {
    if (this.#here) return [];
    const enter = this.#host.prefix;
    // Entering a mount namespace leaves the working directory behind.
    const stay = enter.length > 0 ? ['env', `--chdir=${cwd}`] : [];
    return [...enter, ...stay, callable('ip'), 'netns', 'exec', this.name];
  }

  /**
   * @param {string} command @param {readonly string[]} [args] @param {SpawnOptions} [options]
   */
  spawn(command, args = [], options = {}) {
    const { user, memlock, ...rest } = options;
    const prefix = this.#prefixIn(resolve(rest.cwd === undefined ? '' : pathOf(rest.cwd)));
    if (memlock !== undefined) prefix.push('prlimit', `--memlock=${memlock}:${memlock}`, '--');
    if (user !== undefined) {
      if (!this.#host.root) throw new RigUnavailableError('other users need root');
      const ids = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
      prefix.push('setpriv', ...ids, '--inh-caps=-all', '--bounding-set=-all', '--');
    }
    const [file = '', ...words] = [...prefix, command, ...args];
    const child = spawn(file, words, {
      ...rest,
      env: withSystemPath(rest.env),
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  /**
   * @param {string} command @param {readonly string[]} [args]
   * @param {import('./index.mjs').NamespaceRunOptions} [options]
   * @returns {Promise<import('./index.mjs').RunResult>}
   */
  async run(command, args = [], options = {}) {
    const { input = '', check = true, timeout = 30_000, ...rest } = options;
    const child = this.spawn(command, args, { ...rest, timeout, stdio: 'pipe' });
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
    const output = { stdout: '', stderr: '' };
    stdout.setEncoding('utf8').on('data', (text) => {
      output.stdout += text;
    });
    stderr.setEncoding('utf8').on('data', (text) => {
      output.stderr += text;
    });
    stdin.on('error', () => {}); // a program may end without reading its input
    stdin.end(input);
    const [code, signal] = await once(child, 'close');
    if (check && code !== 0) {
      const how = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      throw new Error(`${[command, ...args].join(' ')}: ${how}\n${output.stderr || output.stdout}`);
    }
    return { code, signal, ...output };
  }

  /** @param {string} name */
  async sysctl(name) {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`;
    const { stdout } = await this.run('cat', [path]);
    return stdout.trim();
  }

  async create() {
    if (this.#here) return;
    await runOn(this.#host, ['ip', 'netns', 'add', this.name]);
  }

  /** Runs lines of `ip` inside, in one process. @param {string[]} lines */
  async ip(lines) {
    const ip = this.#here ? ['ip'] : ['ip', '-n', this.name];
    await runOn(this.#host, [...ip, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  async remove() {
    const ends = [...this.#children].map((child) => once(child, 'exit').catch(() => {}));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ends);
    // In this process's namespace only the interface is removed, which is gone already if its other
    // end is.
    if (this.#here) await this.ip([`link delete ${this.name}`]).catch(() => {});
    else await removeNamespace(this.#host, this.name);
  }

  /** For exit handlers. */
  removeSync() {
    for (const child of this.#children) child.kill('SIGKILL');
    if (!this.#here) removeNamespaceSync(this.#host, this.name);
  }
}
