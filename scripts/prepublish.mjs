// @ts-check
// Builds the package where it is installed from git, and after `npm install` in a checkout. The binary goes
// to prebuilds/, since what npm copies from here has no build/.
//
// It is the script `prepublish`, which npm runs then, and not `prepare`: that would make npm warn of a
// package that wants to run something, wherever the packed file is installed.
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
