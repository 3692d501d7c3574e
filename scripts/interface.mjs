// @ts-check
// npm run interface     writes down the public interface, for a change that is meant, its reference, and
//                       the help of each command
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COMMAND_LINE, helpOfAll, renewed } from './support/command-line.mjs';
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
const commandLine = join(root, COMMAND_LINE);
writeFileSync(commandLine, renewed(readFileSync(commandLine, 'utf8'), await helpOfAll()));
