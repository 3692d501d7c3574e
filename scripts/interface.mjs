// @ts-check
// npm run interface     writes down the public interface, for a change that is meant, and its reference
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './support/files.mjs';
import { ENTRIES, publicInterface } from './support/public-interface.mjs';
import { pages, render } from './support/reference.mjs';

for (const { entry, report } of ENTRIES) {
  writeFileSync(join(root, report), publicInterface(entry, root));
}
for (const page of pages()) {
  mkdirSync(join(root, dirname(page.path)), { recursive: true });
  writeFileSync(join(root, page.path), render(page));
}
