import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { needsRig } from './needs.js';

const CLI = fileURLToPath(new URL('../../rig/cli.mjs', import.meta.url));

function start(...args: string[]) {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  return { child, output, ended: once(child, 'close') };
}

describe('npm run rig', await needsRig('sink'), () => {
  it.each([
    ['the end of its stdin', [0, null]],
    ['Ctrl-C', [null, 'SIGINT']],
  ])('prints commands that work, and takes the rig down at %s', async (how, expected) => {
    const { child, output, ended } = start('sink', '--rate', '1gbit', '--optmem', '20480');
    await expect.poll(() => output.stdout).toContain('Ctrl-C takes it down');
    expect(output.stdout).toContain('optmem_max   20480');
    const command = output.stdout.split('\n').find((line) => line.includes('probe udp'))!;
    const send = spawn('sh', ['-c', command.replace('1000000000', '1288000')], { stdio: 'pipe' });
    let answer = '';
    for await (const text of send.stdout.setEncoding('utf8')) answer += text;
    expect(JSON.parse(answer)).toMatchObject({ sends: 20, zerocopied: 20 });
    if (how === 'Ctrl-C') child.kill('SIGINT');
    else child.stdin.end();
    expect(await ended).toEqual(expected);
    const name = /^sink is up: (\S+)/.exec(output.stdout)![1];
    expect(existsSync(`/run/netns/${name}`)).toBe(false);
  });
});

describe('npm run rig, without a rig', () => {
  it('prints its usage when asked', async () => {
    const { output, ended } = start('--help');
    expect(await ended).toEqual([0, null]);
    expect(output.stdout).toMatch(/^usage: npm run rig -- sink\|veth\|veth-copy/);
  });

  it.each([
    [[], 'one kind of rig is needed'],
    [['tunnel'], 'kind has to be one of sink,veth,veth-copy, received "tunnel"'],
    [['sink', '--loss', 'all'], 'loss has to be above 0'],
    [['sink', '--speed', '1'], "Unknown option '--speed'"],
  ])('tells mistakes: %j', async (args, message) => {
    const { output, ended } = start(...args);
    expect(await ended).toEqual([2, null]);
    expect(output.stderr).toContain(message);
  });
});
