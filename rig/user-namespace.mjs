// @ts-check
// Runs a program as root of a user, network and mount namespace of its own. Inside, createRig makes
// its namespaces as root does outside; only BPF programs cannot be loaded.
import { spawn } from 'node:child_process';
import { PREPARE_RUN, UNSHARE, withSystemPath } from './host.mjs';

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
