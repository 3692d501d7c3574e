// @ts-check
// A network namespace without a name, for one program: it ends with the program, however that ends,
// and takes everything made inside with it. Named namespaces, which several programs share, are
// those of createRig.
import { spawn, spawnSync } from 'node:child_process';
import { callable, PREPARE_RUN, RigUnavailableError, UNSHARE, withSystemPath } from './host.mjs';

/** Options of unshare(1): as root of the machine, and as root of a user namespace of one's own. */
const PRIVILEGED = '-n';
const UNPRIVILEGED = '-Urn';

/** @param {string} flags @param {readonly string[]} lines of ip */
function commandOf(flags, lines) {
  const unshare = [callable('unshare'), flags, '--'];
  if (lines.length === 0) return unshare;
  const script = [...lines.map((line) => `"$0" ${line}`), 'exec "$@"'].join(' && ');
  return [...unshare, 'sh', '-c', script, callable('ip')];
}

/** Tries both ways. @returns {{ flags: string } | { reason: string }} */
function findWay() {
  const reasons = [];
  for (const flags of process.geteuid?.() === 0 ? [PRIVILEGED, UNPRIVILEGED] : [UNPRIVILEGED]) {
    const [file = '', ...args] = [...commandOf(flags, ['link set lo up']), 'true'];
    const attempt = spawnSync(file, args, { encoding: 'utf8' });
    if (attempt.status === 0) return { flags };
    reasons.push(attempt.error?.message ?? attempt.stderr.trim());
  }
  return { reason: reasons.join('; ') };
}

/** @type {ReturnType<typeof findWay> | undefined} */
let way;

/** @type {typeof import('./index.mjs').whyNoOwnNamespace} */
export function whyNoOwnNamespace() {
  way ??= findWay();
  return 'reason' in way ? way.reason : null;
}

/** @type {typeof import('./index.mjs').ownNamespace} */
export function ownNamespace(lines = []) {
  way ??= findWay();
  if ('reason' in way) throw new RigUnavailableError(`no network namespace: ${way.reason}`);
  return commandOf(way.flags, lines);
}

/** @type {typeof import('./index.mjs').runInUserNamespace} */
export function runInUserNamespace(argv, options = {}) {
  const env = { ...withSystemPath(options.env), ZEROSEND_RIG_USER_NAMESPACE: '1' };
  const [file = '', ...args] = UNSHARE;
  const script = `${PREPARE_RUN} && ip link set dev lo up && exec "$@"`;
  return spawn(file, [...args, 'sh', '-c', script, 'sh', ...argv], {
    stdio: 'inherit',
    ...options,
    env,
  });
}
