import { type ChildProcess, execFile, type SpawnOptions } from 'node:child_process';
import { chmodSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  compileProgram,
  createRig,
  ownNamespace,
  runInUserNamespace,
  whyRigUnavailable,
} from '../../rig/index.mjs';
import { folderOfTest } from '../support/folders.js';
import { canMakeNamespaces, hasTool, isRoot, needs } from '../support/requirements.js';
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

/** An interface of that name is made in a namespace, and listed there. */
const LINK = `zso${process.pid}`;
const LIST_LINKS = `
  const { execFileSync } = await import('node:child_process');
  const { ownNamespace, whyNoOwnNamespace } = await import(process.argv[1]);
  const [file, ...args] = ownNamespace(['link add ${LINK} type ifb']);
  const links = String(execFileSync(file, [...args, 'ip', '-o', 'link']));
  console.log(JSON.stringify({ uid: process.getuid(), why: whyNoOwnNamespace(), links }));
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
  const folder = folderOfTest();
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
  /** What a module says, given the rigs. */
  async function said(module: string): Promise<unknown> {
    const index = await readableCopy();
    const become = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
    const program = ['--input-type=module', '-e', module, index];
    const { stdout } = await execute('setpriv', [...become, process.execPath, ...program], {
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
    });
    return JSON.parse(stdout);
  }

  it('has the sink, and is told why not the rest', async () => {
    expect(await said(SEND_INTO_SINK)).toMatchObject({
      uid: NOBODY,
      sent: SENT,
      veth: BPF_NEEDS_ROOT,
      copying: null,
    });
  });

  it('has a namespace for one program', async () => {
    const links = expect.stringContaining(LINK);
    expect(await said(LIST_LINKS)).toEqual({ uid: NOBODY, why: null, links });
  });
});

describe('a namespace for one program', needs(canMakeNamespaces(), 'network namespaces'), () => {
  it('has what was set up in it, and ends with the program', async () => {
    const [file = '', ...args] = [
      ...ownNamespace([`link add ${LINK} type ifb`]),
      'ip',
      '-o',
      'link',
    ];
    // Twice: a namespace that stayed, or that of this process, would have the name already.
    expect((await execute(file, args)).stdout).toContain(LINK);
    expect((await execute(file, args)).stdout).toContain(LINK);
    expect(readdirSync('/sys/class/net')).not.toContain(LINK);
  });

  it('does not start it where the set-up fails', async () => {
    const [file = '', ...args] = [...ownNamespace(['link set nothing up']), 'echo', 'ran'];
    await expect(execute(file, args)).rejects.toMatchObject({ code: 1, stdout: '' });
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
      const { createRig, ownNamespace, RigUnavailableError, whyNoOwnNamespace, whyRigUnavailable } =
        await import(process.argv[1]);
      const error = await createRig('sink').catch((reason) => reason);
      const own = await (async () => ownNamespace())().catch((reason) => reason);
      const typed = [error, own].every((thrown) => thrown instanceof RigUnavailableError);
      const why = [await whyRigUnavailable('sink'), whyNoOwnNamespace()];
      console.log(JSON.stringify({ code: error.code, typed, why }));
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
    expect(result.why[0]).toMatch(/^no user namespace: .*No space left/);
    expect(result.why[1]).toMatch(/No space left.*; .*No space left/s);
  });

  it('lets other mistakes through', async () => {
    await expect(whyRigUnavailable('sink', { loss: 7 })).rejects.toThrow(RangeError);
    await expect(createRig('sink', { sysctls: { 'net.no.such': 1 } })).rejects.toThrow('tee');
  });
});
