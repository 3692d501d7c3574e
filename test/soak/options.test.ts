import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

function start(script: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

const SCRIPTS: [script: string, command: string, wrong: string[][]][] = [
  [
    'test/soak/main.mjs',
    'npm run soak',
    [
      ['--minutes', 'x'],
      ['--seed', '1.5'],
      ['--round', '1.5'],
    ],
  ],
  [
    'scripts/fuzz.mjs',
    'npm run fuzz',
    [
      ['--minutes', '0'],
      ['--target', 'nothing'],
    ],
  ],
  ['scripts/sanitizers.mjs', 'npm run test:sanitizers', [['--only', 'nothing']]],
];

describe.each(SCRIPTS)('%s', (script, command, wrong) => {
  const usage = `usage: ${command} -- `;

  it.each(['--help', '-h'])('%s says how it is used', (option) => {
    const { status, stdout, stderr } = start(script, option);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(usage);
  });

  it.each([...wrong, ['--nonsense'], ['nonsense']])('%s is refused by name: %s', (...args) => {
    const { status, stdout, stderr } = start(script, ...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.split('\n')[0]).toContain(args.at(-1));
    expect(stderr).toContain(usage);
    expect(stderr).not.toContain('    at '); // no stack
  });
});
