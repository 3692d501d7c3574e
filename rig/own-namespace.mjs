// @ts-check
// A network namespace without a name, for one program. It ends with the program in any
// case, and all that was made inside is removed then. Named namespaces, which several programs
// share, are those of createRig.
import { spawn, spawnSync } from 'node:child_process';
import { callable, PREPARE_RUN, RigUnavailableError, UNSHARE, withSystemPath } from './host.mjs';

/**
 * The two ways to make a namespace: as root of the machine, or as root of a user namespace. Rigs
 * can be made inside both.
 * @typedef {{ unshare: readonly string[], prepare: readonly string[] }} Way
 * @type {Record<'privileged' | 'unprivileged', Way>}
 */
const WAYS = {
  privileged: { unshare: ['unshare', '--net'], prepare: [] },
  unprivileged: {
    unshare: UNSHARE,
    prepare: [PREPARE_RUN, 'export ZEROSEND_RIG_USER_NAMESPACE=1'],
  },
};

/** @param {Way} way @param {readonly string[]} lines of ip */
function commandOf({ unshare: [file = '', ...flags], prepare }, lines) {
  const ends = lines.map((line) => `"$0" ${line}`);
  const script = [...prepare, ...ends, 'exec "$@"'].join(' && ');
  return [callable(file), ...flags, '--', 'sh', '-c', script, callable('ip')];
}

/** Tries both ways. @returns {{ way: Way } | { reason: string }} */
function findWay() {
  const { privileged, unprivileged } = WAYS;
  const reasons = [];
  for (const way of process.geteuid?.() === 0 ? [privileged, unprivileged] : [unprivileged]) {
    const [file = '', ...args] = [...commandOf(way, ['link set lo up']), 'true'];
    const attempt = spawnSync(file, args, { encoding: 'utf8', env: withSystemPath() });
    if (attempt.status === 0) return { way };
    reasons.push(attempt.error?.message ?? attempt.stderr.trim());
  }
  return { reason: reasons.join('; ') };
}

/** @type {ReturnType<typeof findWay> | undefined} */
let found;

/** @type {typeof import('./index.mjs').whyNoOwnNamespace} */
export function whyNoOwnNamespace() {
  found ??= findWay();
  return 'reason' in found ? found.reason : null;
}

/** @type {typeof import('./index.mjs').ownNamespace} */
export function ownNamespace(lines = []) {
  found ??= findWay();
  if ('reason' in found) throw new RigUnavailableError(`no network namespace: ${found.reason}`);
  return commandOf(found.way, lines);
}

/** @type {typeof import('./index.mjs').runInUserNamespace} */
export function runInUserNamespace(argv, options = {}) {
  const [file = '', ...args] = [...commandOf(WAYS.unprivileged, ['link set lo up']), ...argv];
  return spawn(file, args, { stdio: 'inherit', ...options, env: withSystemPath(options.env) });
}
