import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './children.js';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const codesIn = (text: string) => new Set(text.match(/ERR_ZEROSEND_[A-Z_]+/g));

const documents = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md'].concat(
  readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? `docs/${name}` : [])),
);

describe('the documents', () => {
  it('list every error code, and no other', () => {
    const table = read('README.md').match(/^\| `ERR_ZEROSEND_.*$/gm) ?? [];
    expect([...codesIn(table.join('\n'))].sort()).toEqual(
      [...codesIn(read('lib/base/errors.ts'))].sort(),
    );
    expect(table).toHaveLength(codesIn(read('lib/base/errors.ts')).size);
  });

  it('list every warning, and no other', () => {
    const sources = (readdirSync(join(root, 'lib'), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(`lib/${name}`))
      .join('\n');
    const emitted = [...sources.matchAll(/code: '(ZEROSEND_[A-Z_]+)'/g)].map(([, code]) => code);
    // A warning without a code, or with one that is put together, would not be found above.
    expect(sources.match(/emitWarning\(/g)).toHaveLength(emitted.length);
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

  it('name every event and every way in which ids end', () => {
    const readme = read('README.md');
    const events = read('lib/engine/events.ts');
    const names = [...events.matchAll(/^ {2}(\w+): \(.*=> void;$/gm)].map(([, name]) => name);
    expect(names).toContain('complete');
    const endings = [...events.matchAll(/^ {2}(?:how|outcome): (.*);$/gm)].flatMap(
      ([, types = '']) => [...types.matchAll(/'(\w+)'/g)].map(([, ending]) => ending),
    );
    expect(endings).toHaveLength(8);
    for (const name of [...names, ...endings]) expect(readme).toContain(`| \`${name}\` |`);
  });

  it.each(documents)('%s: links lead somewhere, and commands exist', (path) => {
    const text = read(path);
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      expect([link, existsSync(join(root, dirname(path), link))]).toEqual([link, true]);
    }
    const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
    for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g)) {
      expect(Object.keys(scripts)).toContain(script);
    }
    // A table of "where to look" and the like: folders and files in backquotes.
    for (const [, file = ''] of text.matchAll(
      /`((?:lib|native|test|bench|docs|examples)\/[\w./-]*)`/g,
    )) {
      expect([file, existsSync(join(root, file))]).toEqual([file, true]);
    }
  });
});
