import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { allBlocks, root } from './blocks.js';
import { commandsOf, isRunnable, problemsOf } from './commands.js';

const blocks = allBlocks.filter(({ language }) => language === 'sh');

const shell = (args: readonly string[], input?: string) =>
  execFileSync('sh', args, { cwd: root, encoding: 'utf8', input, stdio: 'pipe', timeout: 20_000 });

describe('commands in documents', () => {
  it.each(blocks)('$file:$line: the shell reads them, and they are there', ({ text }) => {
    shell(['-n'], text);
    expect(commandsOf(text)).not.toEqual([]);
    expect(problemsOf(text)).toEqual([]);
  });

  it.each(blocks.filter(({ text }) => isRunnable(text)))('$file:$line runs', ({ text }) => {
    expect(shell(['-e'], text)).not.toBe('');
  });
});

describe('a wrong command is found:', () => {
  it.each([
    ['npm run nothing', 'no script nothing'],
    ['cat x && frobnicate --all', 'no such program: frobnicate'],
    ["unshare -n sh -c 'ip link && nothing'", 'no such program: nothing'],
    ['FOO=1 node examples/nothing.mjs', 'no file examples/nothing.mjs'],
    ['npx zerosend nothing # really', 'no command nothing'],
    ['npx something', 'npx something'],
    ['npm start -- --nothing 1', 'demo has no option --nothing'],
    ['zerosend send --nothing', 'send has no option --nothing'],
  ])('%s', (line, problem) => {
    expect(problemsOf(line)).toEqual([problem]);
  });

  it('one that is no shell', () => {
    expect(() => shell(['-n'], "echo 'x")).toThrow();
  });

  it('and right ones are not', () => {
    const right = "npm run bench -- --only '^(a|b)' # npm run nothing\nnode my.mjs | cat; npm test";
    expect(problemsOf(right)).toEqual([]);
    expect(isRunnable(right)).toBe(false);
    expect(isRunnable('uname -r\ncat README.md')).toBe(true);
  });
});
