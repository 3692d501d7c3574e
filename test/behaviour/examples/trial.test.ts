// Programs as a new user has them, left running beside a timer, an HTTP server and a signal handler.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownNamespace } from '../../../rig/index.mjs';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { examples } from './run.js';

const SECONDS = '2';
const TRIAL = fileURLToPath(new URL('trial.mjs', import.meta.url));
// Inside the package, so that programs find it by its name.
const folder = fileURLToPath(new URL(`../../../build/trial-${process.pid}/`, import.meta.url));
const SET_UP = [
  'link set lo up',
  'link add zsx0 type veth peer name zsx1',
  'link set zsx1 up',
  'link set zsx0 up',
  'addr add 198.18.0.1/24 dev zsx0',
  'neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev zsx0',
];

const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
const programsOf = (name: string) =>
  [...read(name).matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);

const PRELUDE = `let running = true;
process.on('SIGTERM', () => { running = false; });
`;

/** Replaces what has to be there. */
function changed(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`'${from}' is not in the program`);
  return text.replace(from, to);
}

const [first = ''] = programsOf('README.md');
const README = PRELUDE + changed(first, 'frame < 100', 'running');
/** The guide's, made to run until they are told to end. */
const GUIDE = [
  'packet-generator',
  'traffic/packets',
  'traffic/fields',
  'traffic/rates',
  'traffic/frames',
]
  .flatMap((part) => programsOf(`docs/${part}.md`))
  .filter((text) => /for \(let sent|^ {2}(count|seconds): /m.test(text))
  .map((text) =>
    text.includes('for (let sent')
      ? PRELUDE +
        text.replace(/(for \(let sent = 0; )[^;]*;/, '$1running;').replace('100_000 -', '1e12 -')
      : text.replace(/^ {2}(count|seconds): [\d_]+/m, '  $1: 1e9'),
  );

async function trial(program: string[], prefix: string[] = []): Promise<void> {
  const [file = '', ...rest] = [...prefix, process.execPath, TRIAL, SECONDS, ...program];
  const { stdout } = await promisify(execFile)(file, rest, { cwd: folder, timeout: 50_000 });
  const seen = JSON.parse(stdout);
  expect(seen).toMatchObject({ code: 0, signal: null, sawSignal: true, stderr: '' });
  expect(seen.ticksASecond).toBeGreaterThanOrEqual(100);
  expect(seen.answers).toBeGreaterThanOrEqual(3);
}

function write(name: string, text: string): string {
  const file = `${folder}/${name}.mjs`;
  writeFileSync(file, text);
  return file;
}

describe('beside a timer, an HTTP server and a signal handler', () => {
  beforeAll(() => void mkdirSync(folder, { recursive: true }));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['shortest.mjs', ['60']],
    ['udp-generator.mjs', ['--seconds', '60']],
    ['udp-generator.mjs', ['--seconds', '60', '--rate', '5000']],
    ['workers.mjs', ['--seconds', '60']],
  ] as const)('runs on loopback: examples/%s %j', async (name, args) => {
    await trial([fileURLToPath(new URL(name, examples)), ...args]);
  });

  it('runs on loopback: the first program of the README', async () => {
    await trial([write('readme', README)]);
  });

  it('runs on loopback with short sends: the first program of the README', async () => {
    await trial([write('readme-short', changed(README, '64_400', '1400'))]);
  });

  describe('on a veth pair', needs(canMakeNamespaces(), 'making network namespaces'), () => {
    it('runs: the first program of the README', async () => {
      const elsewhere = "{ remote: { address: '198.18.0.2', port: 9 }";
      const text = changed(README, '{ remote', elsewhere);
      await trial([write('readme-veth', text)], ownNamespace(SET_UP));
    });

    it.each(GUIDE.map((text, index) => ({ text, index })))(
      "runs: the guide's program $index",
      async ({ text, index }) => {
        await trial([write(`guide-${index}`, text)], ownNamespace(SET_UP));
      },
    );

    it('finds the programs of the guide', () => {
      expect(GUIDE).toHaveLength(7);
    });
  });
});
