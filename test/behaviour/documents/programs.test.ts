import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { allBlocks, blocksOf, documents, type ProgramBlock, programs } from './blocks.js';
import { isConfined } from './commands.js';
import { clean, compile, needsNetwork, partsOf, run, runScript } from './programs.js';

/** What a block can be in; drawings and output are in no language, or `text`. */
const LANGUAGES = new Set(['', 'text', 'js', 'ts', 'json', 'sh']);

const nameOf = ({ file, line }: { file: string; line: number }) => `${file}:${line}`;
const programOf = (language: string, text: string, mark = {}): ProgramBlock => {
  const file = 'a test';
  return { file, line: 1, language, text, mark, path: `a-test/program.m${language}` };
};

/** Runs a program, and fails unless it does what its mark says. */
async function check(program: ProgramBlock, all = [program]): Promise<void> {
  const { stderr, ...ended } = await run(program, all);
  const { exit = 0, stderr: said } = program.mark;
  if (said === undefined) expect(stderr).toBe('');
  else expect(stderr).toContain(said);
  expect(ended).toMatchObject({ code: exit, signal: null });
  // One that says nothing shows its reader nothing.
  if (exit === 0) expect(ended.stdout).not.toBe('');
  expect(ended.stdout).not.toMatch(/failed: [1-9]|[1-9]\d* failed/);
}

describe('programs in documents', () => {
  let problems = '';

  beforeAll(async () => {
    problems = await compile(programs);
  }, 60_000);
  afterAll(clean);

  it('are found, in documents and in comments', () => {
    const files = new Set(programs.map(({ file }) => file));
    for (const file of ['README.md', 'docs/packet-generator.md']) expect(files).toContain(file);
    const written = documents
      .map((file) => readFileSync(file, 'utf8').match(/^ *```(js|ts)$/gm)?.length ?? 0)
      .reduce((sum, count) => sum + count);
    const made = /^docs\/api\//;
    const found = programs.filter(({ file }) => file.endsWith('.md') && !made.test(file));
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(written);
    expect(new Set(programs.map(({ path }) => path)).size).toBe(programs.length);
  });

  it('are in languages that somebody looks after', () => {
    for (const block of allBlocks) {
      expect([nameOf(block), LANGUAGES.has(block.language)]).toEqual([nameOf(block), true]);
    }
  });

  it('compile, with strict types', () => {
    expect(problems).toBe('');
  });

  it.each(allBlocks.filter(({ language }) => language === 'json'))(
    '$file:$line is JSON',
    ({ text }) => {
      JSON.parse(text);
    },
  );

  const parts = programs.filter(({ mark }) => mark.file !== undefined);
  const whole = programs.filter((program) => !parts.includes(program));
  const scripts = allBlocks.filter(({ language, file, text }) => {
    const names = parts.flatMap(({ file: other, mark }) =>
      other === file ? [mark.file ?? ''] : [],
    );
    return language === 'sh' && isConfined(text, names);
  });
  const onLoopback = whole.filter((program) => !needsNetwork(program, programs));

  it.each(parts)('$file:$line is a part of another', (part) => {
    const users = whole.filter((program) => partsOf(program, programs).includes(part));
    const runners = scripts.filter(
      ({ file, text }) => file === part.file && isConfined(text, [part.mark.file ?? '']),
    );
    expect([...users, ...runners]).not.toEqual([]);
  });

  it.each(onLoopback)('$file:$line runs', (program) => check(program, programs));

  describe('with a network of their own', needs(canMakeNamespaces(), 'making namespaces'), () => {
    const others = whole.filter((program) => !onLoopback.includes(program));
    it.each(others)('$file:$line runs', (program) => check(program, programs));

    it.each(scripts)('$file:$line runs', async (script) => {
      const { stdout, ...ended } = await runScript(script);
      expect(ended).toEqual({ code: 0, signal: null, stderr: '' });
      expect(stdout).toMatch(/packets/);
    });

    it('has such scripts', () => {
      expect(scripts.map(({ file }) => file)).toEqual(['README.md', 'docs/packet-generator.md']);
    });
  });
});

describe('a wrong block is found:', () => {
  afterAll(clean);

  it('one that does not compile', async () => {
    const wrong = "import { UdpSocket } from 'zerosend';\nawait UdpSocket.open({ remot: 1 });\n";
    for (const language of ['js', 'ts']) {
      expect(await compile([programOf(language, wrong)])).toMatch(
        /error TS\d+: .*'remot' does not exist/,
      );
    }
  });

  it.each([
    ['throws', "throw new Error('x');"],
    ['warns', "console.log('x');\nprocess.emitWarning('x');"],
    ['says nothing', 'export {};'],
    ['ends early', "console.log('x');\nawait new Promise(() => {});"],
    ['counts failures', "console.log('3 failed');"],
  ])('one that %s', async (_, text) => {
    const program = programOf('js', text);
    expect(await compile([program])).toBe('');
    await expect(check(program)).rejects.toThrow();
  });

  it('one that does not end as its mark says', async () => {
    const program = programOf('ts', "console.log('x');", { exit: 13, stderr: 'unsettled' });
    expect(await compile([program])).toBe('');
    await expect(check(program)).rejects.toThrow();
  });

  it('one without an end, or with a mark that nobody knows', () => {
    expect(() => blocksOf('x.md', '```js\n1;\n')).toThrow('x.md:1');
    expect(() => blocksOf('x.md', '<!-- skip -->\n```js\n1;\n```\n')).toThrow('no such mark');
    const comment = ' * <!-- exit 1: x -->\n * ```js\n * a();\n *\n *   b();\n * ```\n';
    expect(blocksOf('x.ts', comment)).toEqual([
      {
        file: 'x.ts',
        line: 2,
        language: 'js',
        mark: { exit: 1, stderr: 'x' },
        text: 'a();\n\n  b();\n',
      },
    ]);
  });
});
