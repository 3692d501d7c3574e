import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ENTRIES, publicInterface } from '../../scripts/support/public-interface.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

describe.each(ENTRIES)('the public interface of $entry', ({ entry, report }) => {
  const now = publicInterface(entry, ROOT);

  it('is what was written down: `npm run interface` does, for a change that is meant', () => {
    expect(now).toBe(readFileSync(join(ROOT, report), 'utf8'));
  });

  it('has no member that is ours, by its name or by a symbol of ours', () => {
    const ours = /^\s+(?:(?:readonly|get|static|protected) )*(?:_\w+|\[(?!Symbol\.)\w+\]).*$/gm;
    expect(now.match(ours)).toBe(null);
  });
});
