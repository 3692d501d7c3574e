import { expect, it } from 'vitest';
import { isDated, released } from '../../../scripts/changelog.mjs';

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
