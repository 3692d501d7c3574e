import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

/** The tools of the system that a build from source needs. */
export interface Tools {
  /** The script of node-gyp, for Node.js to run. */
  readonly nodeGyp: string;
  /** The folder above `include/node`; undefined where node-gyp has to fetch the headers. */
  readonly headers: string | undefined;
}

/** The error for missing tools. Its message says which, for people. */
export class MissingTools extends Error {}

/**
 * @param root the folder of the package
 * @throws MissingTools
 */
export function findTools(root: string): Tools {
  const compiler = (process.env.CXX ?? 'g++').split(' ')[0] ?? '';
  const missing = [process.env.PYTHON ?? 'python3', process.env.MAKE ?? 'make', compiler].filter(
    (program) => inPath(program) === undefined,
  );
  if (missing.length > 0) {
    throw new MissingTools(
      `the native part is built from source, which needs ${missing.join(', ')}: not found.\n` +
        '  Debian, Ubuntu:  apt-get install g++ make python3\n' +
        '  Fedora:          dnf install gcc-c++ make python3\n' +
        '  Alpine:          apk add g++ make python3 linux-headers',
    );
  }
  const nodeGyp = findNodeGyp(root);
  if (nodeGyp === undefined) {
    throw new MissingTools(
      'the native part is built by node-gyp, which comes with npm, and neither is here.\n' +
        "  'npm install --no-save node-gyp' in the folder of your program brings it",
    );
  }
  return { nodeGyp, headers: findHeaders() };
}

/**
 * Looks for node-gyp: as a dependency, in the npm that runs this, in the npm beside Node.js, and in
 * that in PATH.
 */
function findNodeGyp(root: string): string | undefined {
  try {
    return createRequire(join(root, 'package.json')).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    // It is a dependency only in a checkout.
  }
  const npms = [
    process.env.npm_execpath,
    join(prefix(), 'lib/node_modules/npm/bin/npm-cli.js'),
    inPath('npm'),
  ];
  const bundled = npms
    .filter((npm) => npm !== undefined && existsSync(npm))
    .map((npm) =>
      join(dirname(realpathSync(npm ?? '')), '../node_modules/node-gyp/bin/node-gyp.js'),
    )
    .find((script) => existsSync(script));
  if (bundled !== undefined) return bundled;
  const alone = inPath('node-gyp');
  return alone === undefined ? undefined : realpathSync(alone);
}

function findHeaders(): string | undefined {
  return existsSync(join(prefix(), 'include/node/node_api.h')) ? prefix() : undefined;
}

/** Where this Node.js is installed. */
function prefix(): string {
  return dirname(dirname(process.execPath));
}

function inPath(program: string): string | undefined {
  if (program.includes('/')) return existsSync(program) ? program : undefined;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}
