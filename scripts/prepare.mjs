// @ts-check
// Runs where the package is installed from git or from a folder, and before it is packed: builds it.
// The binary goes to prebuilds/, since what npm copies from here has no build/.
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isPrebuilt } from './prebuild/compile.mjs';
import { root } from './support/files.mjs';

await import('./ensure.mjs');
if (!process.exitCode) {
  const { target } = await import(pathToFileURL(join(root, 'dist/addon/binary.js')).href);
  const folder = join(root, 'prebuilds', target());
  if (!isPrebuilt(target())) {
    mkdirSync(folder, { recursive: true });
    cpSync(join(root, 'build/Release/zerosend.node'), join(folder, 'zerosend.node'));
  }
}
