import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { root } from '../../../scripts/support/files.mjs';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

// A checkout whose compilers are made up: they write their outputs, and a line of what they were asked for.
const TSC = `import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
  appendFileSync('log', 'tsc\\n');
  mkdirSync('dist/cli', { recursive: true });
  writeFileSync('dist/index.js', '');
  writeFileSync('dist/cli/main.js', \`import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
    appendFileSync('log', existsSync('native/build') ? 'what has changed\\\\n' : 'all\\\\n');
    for (const folder of ['native/build', 'build/Release']) mkdirSync(folder, { recursive: true });
    for (const name of ['zerosend', 'zerosend_test']) writeFileSync('build/Release/' + name + '.node', '');
  \`);`;
const HEADER = 'native/core/ledger.h';

let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'zerosend-checkout-'));
  onTestFinished(() => rmSync(checkout, { recursive: true, force: true }));
  cpSync(join(root, 'scripts'), path('scripts'), { recursive: true });
  write('package.json', '{ "type": "module" }');
  write('package-lock.json', '{ "packages": {} }');
  write('node_modules/.package-lock.json', '{ "packages": {} }');
  write('node_modules/typescript/package.json', '{ "type": "module" }');
  write('node_modules/typescript/bin/tsc', TSC);
  write('tsconfig.json', '{}');
  write('lib/index.ts', '');
  write('lib/cli/main.ts', '');
  write('native/node/addon.cc', 'one');
  write(HEADER, 'one');
  for (const file of ['native/node/addon.cc', HEADER, 'package-lock.json']) age(file, 60);
  expect(ensured()).toEqual(['tsc', 'all']);
});

const path = (name: string) => join(checkout, name);

function write(name: string, content: string): void {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), content);
}

/** Gives a file a time that lies some seconds before that of the last build, or before now. */
function age(name: string, seconds: number): void {
  const stamp = path('build/.stamp-Release.json');
  const from = existsSync(stamp) ? statSync(stamp).mtimeMs / 1000 : Date.now() / 1000;
  utimesSync(path(name), from - seconds, from - seconds);
}

/** What is done until everything is up to date. */
function ensured(): string[] {
  rmSync(path('log'), { force: true });
  execFileSync(process.execPath, [path('scripts/ensure.mjs')], { cwd: checkout, stdio: 'pipe' });
  return existsSync(path('log')) ? readFileSync(path('log'), 'utf8').trim().split('\n') : [];
}

it('nothing is done where nothing has changed', () => {
  expect(ensured()).toEqual([]);
});

it('a source that is newer than the last build is left to make', () => {
  write(HEADER, 'two');
  age(HEADER, -1);
  expect(ensured()).toEqual(['what has changed']);
});

it('a source that is moved back, with the time it had, is compiled again', () => {
  renameSync(path(HEADER), path('kept'));
  write(HEADER, 'two');
  age(HEADER, -1);
  ensured();
  renameSync(path('kept'), path(HEADER));
  expect(ensured()).toEqual(['all']);
  expect(ensured()).toEqual([]);
});

it('other versions of dependencies, or a header less, let nothing of the last build stand', () => {
  write('package-lock.json', '{ "packages": {}, "more": 1 }');
  age('package-lock.json', -1);
  expect(ensured()).toEqual(['tsc', 'all']);
  rmSync(path(HEADER));
  expect(ensured()).toEqual(['all']);
});

it.for([
  ['dist/index.js', 'tsc'],
  ['dist/cli/main.js', 'tsc'],
  ['build/Release/zerosend.node', 'what has changed'],
  ['build/Release/zerosend_test.node', 'what has changed'],
])('%s is made again where it is missing', ([name = '', by]) => {
  rmSync(path(name));
  expect(ensured()).toEqual([by]);
  expect(existsSync(path(name))).toBe(true);
  expect(ensured()).toEqual([]);
});

it('a file of dist/ that was cut short is written again', () => {
  write('dist/cli/main.js', 'import');
  expect(ensured()).toEqual(['tsc']);
});
