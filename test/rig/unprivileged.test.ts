import { type ChildProcess, execFile, type SpawnOptions } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  compileProgram,
  createRig,
  runInUserNamespace,
  whyRigUnavailable,
} from '../../rig/index.mjs';
import { hasTool, isRoot, needs } from '../support/requirements.js';
import { needsRig } from './needs.js';

const execute = promisify(execFile);
const NOBODY = 65534;

/** A program that sends into a sink, and says what it is and what the kernel answered. */
const SEND_INTO_SINK = `
  const { compileProgram, createRig, whyRigUnavailable } = await import(process.argv[1]);
  const rig = await createRig('sink', { rate: '1gbit', optmem: 20480 });
  const args = ['udp', rig.receiverAddress.v4, '9', '--bytes', '1288000', '--size', '64400'];
  const sent = await rig.sender.run(await compileProgram('probe'), [...args, '--segment', '1400']);
  await rig.dispose();
  const veth = await whyRigUnavailable('veth');
  const copying = await whyRigUnavailable('veth-copy');
  console.log(JSON.stringify({ uid: process.getuid(), sent: JSON.parse(sent.stdout), veth, copying }));
`;

const BPF_NEEDS_ROOT = 'loading a BPF program needs root';
const PIPED: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit'] };

async function outputOf(child: ChildProcess): Promise<string> {
  let output = '';
  for await (const text of child.stdout!.setEncoding('utf8')) output += text;
  return output;
}

const SENT = { sends: 20, zerocopied: 20, copied: 0 };

/** A copy of the rigs that every user can read, wherever the checkout is. */
async function readableCopy(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'zerosend-rig-copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const probe = await compileProgram('probe');
  cpSync(fileURLToPath(new URL('../../rig', import.meta.url)), join(folder, 'rig'), {
    recursive: true,
    preserveTimestamps: true,
  });
  cpSync(probe, join(folder, 'build/rig/probe'), { preserveTimestamps: true });
  chmodSync(folder, 0o755);
  return pathToFileURL(join(folder, 'rig/index.mjs')).href;
}

const canBecomeNobody = isRoot() && hasTool('setpriv');
describe('an ordinary user', needs(canBecomeNobody, 'root, to become one, and setpriv'), () => {
  it('has the sink, and is told why not the rest', async () => {
    const index = await readableCopy();
    const become = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
    const program = ['--input-type=module', '-e', SEND_INTO_SINK, index];
    const { stdout } = await execute('setpriv', [...become, process.execPath, ...program], {
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
    });
    expect(JSON.parse(stdout)).toMatchObject({
      uid: NOBODY,
      sent: SENT,
      veth: BPF_NEEDS_ROOT,
      copying: null,
    });
  });
});

describe('inside a user namespace', await needsRig('sink'), () => {
  it('a program has rigs as root has them, but for BPF', async () => {
    const index = new URL('../../rig/index.mjs', import.meta.url).href;
    const program = ['--input-type=module', '-e', SEND_INTO_SINK, index];
    const child = runInUserNamespace([process.execPath, ...program], PIPED);
    expect(JSON.parse(await outputOf(child))).toMatchObject({
      uid: 0,
      sent: SENT,
      veth: BPF_NEEDS_ROOT,
      copying: null,
    });
  });

  it('loopback is up', async () => {
    const child = runInUserNamespace(['ip', '-o', 'link', 'show', 'lo'], PIPED);
    expect(await outputOf(child)).toContain('LOWER_UP');
  });
});

describe('where a rig cannot be set up', await needsRig('sink'), () => {
  it('says why', async () => {
    const program = `
      const { createRig, RigUnavailableError, whyRigUnavailable } = await import(process.argv[1]);
      const error = await createRig('sink').catch((reason) => reason);
      const typed = error instanceof RigUnavailableError;
      console.log(JSON.stringify({ code: error.code, typed, why: await whyRigUnavailable('sink') }));
    `;
    // A user namespace in which nobody can make further ones of either sort.
    const forbid = ['user', 'net']
      .map((kind) => `echo 0 > /proc/sys/user/max_${kind}_namespaces`)
      .join('; ');
    const index = new URL('../../rig/index.mjs', import.meta.url).href;
    const node = [process.execPath, '--input-type=module', '-e', program, index];
    const result = JSON.parse(
      await outputOf(
        runInUserNamespace(['sh', '-c', `${forbid}; exec "$@"`, 'sh', ...node], PIPED),
      ),
    );
    expect(result).toMatchObject({ code: 'ERR_RIG_UNAVAILABLE', typed: true });
    expect(result.why).toMatch(/^no user namespace: .*No space left/);
  });

  it('lets other mistakes through', async () => {
    await expect(whyRigUnavailable('sink', { loss: 7 })).rejects.toThrow(RangeError);
    await expect(createRig('sink', { sysctls: { 'net.no.such': 1 } })).rejects.toThrow('tee');
  });
});
