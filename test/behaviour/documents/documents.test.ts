import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents, read, relativeLinks, root } from './blocks.js';
import { inlineCommands, problemsOf } from './commands.js';

const codesIn = (text: string) => new Set(text.match(/ERR_ZEROSEND_[A-Z_]+/g));

describe('the documents', () => {
  it('list every error code, and no other', () => {
    const defined = ['lib/base/errors.ts', 'lib/generator/base/errors.ts'].map(read).join('\n');
    const rows = read('docs/guides/errors.md').match(/^\| `ERR_ZEROSEND_\w+` \|.*$/gm) ?? [];
    const listed = rows.map((row) => /`(\w+)`/.exec(row)?.[1] ?? '');
    expect(listed.sort()).toEqual([...codesIn(defined)].sort());
    // What it means, and what to do.
    for (const row of rows) expect(row).toMatch(/^\|( [^|]+ \|){3}$/);
  });

  it('list every warning, and no other', () => {
    const sources = (readdirSync(join(root, 'lib'), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(`lib/${name}`))
      .join('\n');
    const emitted = [...sources.matchAll(/'(ZEROSEND_[A-Z_]+)'/g)].map(([, code]) => code);
    // A warning without a code, or with one that is put together, would not be found above.
    const withCode = sources.match(/type: 'ZeroSendWarning',\s*code\b/g);
    expect(sources.match(/emitWarning\(/g)).toHaveLength(withCode?.length ?? 0);
    expect(sources).not.toMatch(/['"`]ZEROSEND_['"`$]/);
    const rows = [...read('docs/warnings.md').matchAll(/^\| `(ZEROSEND_[A-Z_]+)` \|/gm)];
    const listed = rows.map(([, code]) => code);
    expect(new Set(listed).size).toBe(listed.length);
    expect([...listed].sort()).toEqual([...new Set(emitted)].sort());
  });

  it('tell of each kind of change of a version in one place', () => {
    for (const version of read('CHANGELOG.md').split(/^## /m).slice(1)) {
      const kinds = version.match(/^### .*$/gm) ?? [];
      expect([...new Set(kinds)]).toEqual(kinds);
      const changes = version.match(/^- .*$/gm) ?? [];
      expect([...new Set(changes)]).toEqual(changes);
    }
  });

  it('name every event, and every way in which ids and sockets end', () => {
    const events = read('lib/engine/events.ts');
    const names = [...events.matchAll(/^ {2}(\w+): \(.*=> void;$/gm)].map(([, name]) => name);
    const valuesOf = (member: string) => {
      const [, types = ''] = new RegExp(`^ {2}${member}: (.*);$`, 'm').exec(events) ?? [];
      return [...types.matchAll(/'(\w+)'/g)].map(([, value]) => value);
    };
    expect(names).toContain('complete');
    expect([valuesOf('how').length, valuesOf('outcome').length]).toEqual([5, 3]);
    const begin = read('docs/guides/getting-started.md');
    for (const name of [...names, ...valuesOf('how')]) expect(begin).toContain(`| \`${name}\` |`);
    const closing = read('docs/guides/closing.md');
    for (const outcome of valuesOf('outcome')) expect(closing).toContain(`| \`${outcome}\` |`);
  });

  it.each(documents)('%s: links lead somewhere, and commands exist', (path) => {
    const text = read(path);
    for (const { file, heading } of relativeLinks(text)) {
      const target = file === '' ? path : join(dirname(path), file);
      expect([file, existsSync(join(root, target))]).toEqual([file, true]);
      if (heading !== undefined) expect(headingsOf(read(target))).toContain(heading);
    }
    const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
    for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g)) {
      expect(Object.keys(scripts)).toContain(script);
    }
    expect(inlineCommands(text).flatMap(problemsOf)).toEqual([]);
    // A table of "where to look" and the like: folders and files in backquotes.
    for (const [, file = ''] of text.matchAll(
      /`((?:lib|native|rig|test|bench|scripts|docs|examples)\/[\w./-]*)`/g,
    )) {
      expect([file, existsSync(join(root, file))]).toEqual([file, true]);
    }
  });

  it('walk one send through sixteen files or fewer, each of which has what it is opened for', () => {
    const [, walk = ''] =
      /\| file \| step \|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(read('ARCHITECTURE.md')) ?? [];
    const rows = [...walk.matchAll(/^\| `([^`]+)` \|[^|]+\|(.*)\|$/gm)];
    expect(rows.length).toBeGreaterThan(9);
    expect(rows.length).toBeLessThanOrEqual(16);
    expect(new Set(rows.map(([, file]) => file?.replace(/\.\w+$/, ''))).size).toBe(rows.length);
    for (const [, file = '', what = ''] of rows) {
      const text = read(file);
      for (const [, name] of what.matchAll(/`(\w+)`/g)) {
        expect([file, name, new RegExp(`\\b${name}\\b`).test(text)]).toEqual([file, name, true]);
      }
    }
  });

  it('can be reached from the index, each with a line', () => {
    const index = read('docs/README.md');
    const listed = new Set(
      [...index.matchAll(/^- \[[^\]]+\]\(([^)]+)\): \S/gm)].map(([, link = '']) => link),
    );
    for (const path of documents) {
      if (!path.startsWith('docs/') || path === 'docs/README.md') continue;
      expect(listed).toContain(path.slice('docs/'.length));
    }
  });
});

/** The names by which links reach the headings of a document, as GitHub makes them. */
function headingsOf(text: string): string[] {
  const times = new Map<string, number>();
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
    const name = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const earlier = times.get(name) ?? 0;
    times.set(name, earlier + 1);
    return earlier === 0 ? name : `${name}-${earlier}`;
  });
}
