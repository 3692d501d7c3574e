// What every command does at a terminal and in a pipe: progress, Ctrl-C, a reader that goes.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasTool, needs } from '../../support/requirements.js';
import { atTerminal, pipe, Running, screen, zerosend } from './shell.js';

const sample = fileURLToPath(new URL('programs/sample.mjs', import.meta.url));
const node = (...args: string[]) => [process.execPath, sample, ...args];
const CTRL_C = '\x03';

describe('in a pipe', () => {
  it('progress is plain lines, and the end is the report', async () => {
    const running = new Running(node('live'));
    await running.printed(/counted \d+\n(.*\n)*counted \d+\n/);
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^(counted \d+\n){2,}the report\n$/);
  });

  it('SIGTERM ends it as Ctrl-C does', async () => {
    const running = new Running(node('live'));
    await running.printed(/counted/);
    running.child.kill('SIGTERM');
    expect(await running.ended()).toMatchObject({ code: 0, signal: null });
  });

  it('with --json standard output has the document alone', async () => {
    const running = new Running(node('live', '--json'));
    await running.printed(/counted/, 'stderr');
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ interrupted: true });
  });

  it('a second Ctrl-C ends it at once', async () => {
    const running = new Running(node('live', '--deaf'));
    await running.printed(/counted/);
    running.child.kill('SIGINT');
    await running.printed(/interrupted/, 'stderr');
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended();
    expect(code).toBe(130);
    expect(stdout).not.toContain('report');
  });

  it('whose reader goes, it ends without a word', async () => {
    const line = `"$0" "$@" | head -n 1; echo "code \${PIPESTATUS[0]}"`;
    for (const argv of [node('flood'), node('live')]) {
      const { stdout, stderr } = await pipe(['bash', '-c', line, ...argv]);
      expect(stdout).toMatch(/^(line|counted) 0\ncode 141\n$/);
      expect(stderr).toBe('');
    }
  });

  it('that takes no more, it says so and fails', async () => {
    const line = '"$0" "$@" > /dev/full; echo "code $?"';
    for (const argv of [node('flood'), [process.execPath, zerosend, '--help']]) {
      const { stdout, stderr } = await pipe(['bash', '-c', line, ...argv]);
      expect(stdout).toBe('code 1\n');
      expect(stderr).toMatch(/^zerosend: output: ENOSPC: [^\n]*\n$/);
    }
  });

  it('a wrong command line says so on standard error alone', async () => {
    const ended = await pipe([process.execPath, zerosend, 'nothing-like-it']);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^zerosend: there is no command 'nothing-like-it'\n/);
  });
});

describe('at a terminal', needs(hasTool('script'), 'the tool script'), () => {
  it('progress stays in place, and gives way to the report', async () => {
    const running = atTerminal(node('live'));
    await running.printed(/count 3\b/);
    running.type(CTRL_C);
    const { code, stdout } = await running.ended();
    expect(code).toBe(0);
    expect(screen(stdout).map((line) => line.replace('^C', ''))).toEqual(['the report', '']);
  });

  it('two keys of Ctrl-C end it at once', async () => {
    const running = atTerminal(node('live', '--deaf'));
    await running.printed(/count 3\b/);
    running.type(CTRL_C);
    await running.printed(/interrupted/);
    running.type(CTRL_C);
    expect((await running.ended()).code).toBe(130);
  });
});
