// @ts-check
// npm run interface     writes down the public interface, for a change that is meant
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './support/files.mjs';
import { ENTRIES, publicInterface } from './support/public-interface.mjs';

for (const { entry, report } of ENTRIES) {
  writeFileSync(join(root, report), publicInterface(join(root, entry)));
}
