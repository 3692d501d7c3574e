// @ts-check
// Attaching the rigs' BPF programs. A program is pinned in a bpffs that only one short-lived process
// with a mount namespace of its own can see, so that nothing of it can be left behind.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildFolder, compileProgram } from './compile.mjs';
import { RigUnavailableError, runOn } from './host.mjs';

/**
 * @param {import('./host.mjs').Host} host @param {string[]} program arguments of bpf_load, without path
 * @param {string} attach shell words that attach "$PIN"
 */
async function loadAndAttach(host, [program = '', ...rest], attach) {
  if (!host.root) throw new RigUnavailableError('loading a BPF program needs root');
  const loader = await compileProgram('bpf_load');
  const mountPoint = join(await buildFolder(), 'bpffs');
  await mkdir(mountPoint, { recursive: true });
  const script = [
    'set -e',
    'mount -t bpf bpf "$0"',
    'PIN="$0/program"',
    `"$1" ${program} "$PIN" ${rest.join(' ')}`,
    attach,
  ].join('\n');
  const command = ['unshare', '--mount', 'sh', '-c', script, mountPoint, loader];
  await runOn(host, command).catch((error) => {
    throw new RigUnavailableError(error.message);
  });
}

/** @param {import('./host.mjs').Host} host @param {string} name of namespace and interface */
export async function attachXdpPass(host, name) {
  const attach = `ip -n ${name} link set dev ${name} xdpdrv pinned "$PIN"`;
  await loadAndAttach(host, ['xdp-pass'], attach);
}

/** @param {import('./host.mjs').Host} host @param {string} name @param {number} share 0 to 1 */
export async function attachLoss(host, name, share) {
  const attach = [
    `tc -n ${name} qdisc add dev ${name} clsact`,
    `tc -n ${name} filter add dev ${name} egress bpf direct-action object-pinned "$PIN"`,
  ].join('\n');
  await loadAndAttach(host, ['tc-loss', String(share)], attach);
}
