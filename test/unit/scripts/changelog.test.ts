import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isDated, NAMING, named, released } from '../../../scripts/changelog.mjs';
import { root } from '../../../scripts/support/files.mjs';

const BEFORE = '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n';

it('what is Unreleased becomes the version, with its date, once', () => {
  const after = released(BEFORE, '1.2.0', '2026-11-27');
  expect(after).toBe(
    '# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-27\n\n### Added\n\n- A thing.\n',
  );
  expect(() => released(after, '1.2.0', '2026-11-28')).toThrow('has 1.2.0 already');
  expect(() => released('# Changelog\n', '1.2.0', '2026-11-28')).toThrow('no section Unreleased');
});

it('a version is dated where its heading has a date', () => {
  const after = released(BEFORE, '1.2.0', '2026-11-27');
  expect(isDated(after, '1.2.0')).toBe(true);
  expect(isDated(after, '1.2')).toBe(false);
  expect(isDated(BEFORE, '1.2.0')).toBe(false);
  expect(isDated('## [1.2.0] - soon\n', '1.2.0')).toBe(false);
});

it('the version of package.json has its date, and documents name the packed file by it', () => {
  const read = (name: string) => readFileSync(join(root, name), 'utf8');
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(isDated(read('CHANGELOG.md'), version)).toBe(true);
  for (const name of NAMING) {
    const text = read(name);
    expect(text).toContain(`zerosend-${version}.tgz`);
    expect(named(text, version)).toBe(text);
    expect(named(text, '1.2.0-rc.1')).not.toContain(`zerosend-${version}.tgz`);
  }
});
