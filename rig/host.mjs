// @ts-check
// The place where namespaces of rigs are made: the machine itself for root, or a user
// namespace of this process. `prefix` is what a command line has to begin with to run there.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Why a rig cannot be made here; `reason` is one line for people. */
export class RigUnavailableError extends Error {
  /** @param {string} reason */
  constructor(reason) {
    super(`this rig cannot be set up here: ${reason}`);
    this.name = 'RigUnavailableError';
    this.code = 'ERR_RIG_UNAVAILABLE';
    this.reason = reason;
  }
}

/**
 * @typedef {object} Host
 * @property {boolean} root whether this is the machine's own root, who may load BPF programs
 * @property {string[]} prefix
 */

/**
 * The environment with the system's folders in PATH: ip and tc are there, and not in every user's.
 * @param {NodeJS.ProcessEnv} [env]
 */
export function withSystemPath(env = process.env) {
  return { ...env, PATH: `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin` };
}

/**
 * How a tool is called so that it is found with the PATH of this process, as a person would type it.
 * @param {string} name
 */
export function callable(name) {
  if ((process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)))) {
    return name;
  }
  const folders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(existsSync) ?? name;
}

const TIMEOUT = 20_000; // ms, for commands that take milliseconds

/**
 * Runs a command to its end. Rejects with what it wrote to stderr when it fails.
 * @param {Host} host @param {string[]} command @param {string} [input] its stdin
 * @returns {Promise<string>} its stdout
 */
export function runOn(host, command, input = '') {
  const [file = '', ...args] = [...host.prefix, ...command];
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { env: withSystemPath(), timeout: TIMEOUT },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const missing = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
        const detail = missing ? `${file} is not installed` : stderr.trim() || error.message;
        reject(new Error(`${command.join(' ')}: ${detail}${input && `\n${input}`}`));
      },
    );
    child.stdin?.on('error', () => {}); // the exit status tells more than EPIPE
    child.stdin?.end(input);
  });
}

/**
 * The same for exit handlers, which cannot wait. Failures are the caller's to ignore.
 * @param {Host} host @param {string[]} command
 */
export function runOnSync(host, command) {
  const [file = '', ...args] = [...host.prefix, ...command];
  return spawnSync(file, args, { env: withSystemPath(), encoding: 'utf8', timeout: TIMEOUT });
}

/** A private /run lets `ip netns` keep its names without being root outside. */
export const PREPARE_RUN = 'mount -t tmpfs tmpfs /run && mkdir /run/netns';
export const UNSHARE = ['unshare', '--user', '--map-root-user', '--net', '--mount'];

/**
 * A process that keeps a new user, network and mount namespace open. It lives until its stdin ends,
 * so it ends with this process in any case, and all that was made inside is removed then.
 * @returns {Promise<Host>}
 */
async function startHolder() {
  const [file = '', ...args] = UNSHARE;
  const endAll = 'for name in $(ls /run/netns); do ip netns pids "$name" | xargs -r kill -9; done';
  // Without a /run of its own it has to stop here, or the names would be those of the machine.
  const script = `(${PREPARE_RUN}) || exit 1; echo ready; cat >/dev/null; ${endAll}`;
  const env = withSystemPath();
  const child = spawn(file, [...args, 'sh', '-c', script], {
    env,
    stdio: 'pipe',
    detached: true, // Ctrl-C is for this process, which still needs the holder to clean up
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const failed = once(child, 'close').then(() => {
    throw new RigUnavailableError(`no user namespace: ${stderr.trim() || 'unshare failed'}`);
  });
  const spawnFailed = once(child, 'error').then(([error]) => {
    throw new RigUnavailableError(`no user namespace: ${error.message}`);
  });
  spawnFailed.catch(() => {});
  failed.catch(() => {}); // it may also end much later
  await Promise.race([once(child.stdout, 'data'), failed, spawnFailed]);
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (stream)).unref();
  }
  const target = ['-t', String(child.pid), '--user', '--mount', '--net'];
  return { root: false, prefix: ['nsenter', ...target, '--preserve-credentials', '--'] };
}

/** @returns {Promise<Host>} */
async function chooseHost() {
  const here = { root: process.env.ZEROSEND_RIG_USER_NAMESPACE === undefined, prefix: [] };
  if (process.getuid?.() !== 0) return startHolder();
  // Root of a container or of a user namespace may have fewer rights than it seems, so making a
  // namespace is tried.
  const name = `zsx${process.pid}-0`;
  try {
    await runOn(here, ['ip', 'netns', 'add', name]);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    if (message.includes('not installed')) throw new RigUnavailableError(message);
    if (message.includes('File exists')) return here; // another thread is asking at this moment
    runOnSync(here, ['ip', 'netns', 'delete', name]);
    return startHolder();
  }
  runOnSync(here, ['ip', 'netns', 'delete', name]);
  return here;
}

/** @type {Promise<Host> | undefined} */
let chosen;

/** The host of this process, chosen once. */
export function getHost() {
  chosen ??= chooseHost();
  chosen.catch(() => {
    chosen = undefined;
  });
  return chosen;
}
