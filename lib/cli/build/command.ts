import { spawn } from 'node:child_process';
import { accessSync, constants, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineCommand, EXIT } from '../base/command.js';
import { flag } from '../base/options.js';
import { findTools, MissingTools, type Tools } from './tools.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export const command = defineCommand({
  name: 'build',
  summary: 'build the native part from source, where no binary fits this system',
  about: `
Compiles the C++ part of zerosend in the folder where the package is installed, for this system and
this processor. Only needed where the package brings no binary (import fails with
ERR_ZEROSEND_NATIVE_MISSING), or to use one's own. What is built here goes before what came with the
package, and goes away when the package is installed again.

Needs g++ (C++17), make, python3 and npm, which brings node-gyp. The headers of Node.js are those
beside it (include/node), or else node-gyp fetches them.`,
  options: {
    debug: flag('build without optimisation, with debug information, into build/Debug'),
    incremental: flag('go on from what an earlier build has left, and leave that for the next'),
    verbose: flag('show what the compiler is told'),
  },
  examples: [
    ['npx zerosend build', 'builds it, and tries whether it loads'],
    ['CXX=clang++ npx zerosend build', 'with another compiler'],
  ],
  exitCodes: {
    [EXIT.FAILED]: 'it does not compile, or what was built does not load',
    [EXIT.UNAVAILABLE]: 'a program is missing, or the folder cannot be written to; it says which',
  },
  async run({ options, json, terminal, signal }) {
    const configuration = options.debug ? 'Debug' : 'Release';
    const binary = join(root, 'build', configuration, 'zerosend.node');
    let tools: Tools;
    try {
      tools = findTools(root);
      accessSync(root, constants.W_OK);
    } catch (error) {
      terminal.note(`zerosend: ${error instanceof MissingTools ? error.message : cannotWrite()}`);
      return EXIT.UNAVAILABLE;
    }
    if (tools.headers === undefined && options.verbose) {
      terminal.note('the headers of Node.js are not beside it: node-gyp looks for them elsewhere');
    }
    const args = [
      ...(options.incremental ? ['configure', 'build'] : ['rebuild']),
      '--directory',
      join(root, 'native'),
      `--jobs=${availableParallelism()}`,
      options.debug ? '--debug' : '--no-debug',
      ...(tools.headers === undefined ? [] : [`--nodedir=${tools.headers}`]),
      ...(options.verbose ? [] : ['--loglevel=error']),
    ];
    const { status, output } = await runNode([tools.nodeGyp, ...args], options.verbose, signal);
    if (status !== 0 || /\bwarning:/.test(output)) terminal.note(output.trimEnd());
    if (status !== 0) {
      terminal.note(`zerosend: the native part could not be built (node-gyp: ${status})`);
      return EXIT.FAILED;
    }
    // Only one configuration is kept: lib/addon prefers Release.
    const other = options.debug ? 'Release' : 'Debug';
    rmSync(join(root, 'build', other), { recursive: true, force: true });
    if (!options.incremental) {
      rmSync(join(root, 'native/build'), { recursive: true, force: true });
      const problem = await whyNotLoaded(binary);
      if (problem !== undefined) {
        terminal.note(`zerosend: built ${binary}, but ${problem}`);
        return EXIT.FAILED;
      }
    }
    if (json) terminal.printJson({ binary, configuration, headers: tools.headers ?? null });
    else terminal.print(`zerosend: built ${binary}`);
    return EXIT.OK;
  },
});

/** Tries a binary, also where the environment names another one. */
async function whyNotLoaded(binary: string): Promise<string | undefined> {
  process.env.ZEROSEND_NATIVE = binary;
  try {
    await import('../../index.js');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function cannotWrite(): string {
  return `${root} cannot be written to: build as the user who has installed the package`;
}

/** Runs a script to its end. What it prints is collected, or goes to standard error. */
function runNode(
  args: readonly string[],
  verbose: boolean,
  signal: AbortSignal,
): Promise<{ status: number | string; output: string }> {
  return new Promise((resolve) => {
    const stdio = verbose ? (['ignore', 2, 2] as const) : (['ignore', 'pipe', 'pipe'] as const);
    const child = spawn(process.execPath, args, { stdio: [...stdio], signal });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ status: error.message, output }));
    child.on('close', (code, ended) => resolve({ status: code ?? ended ?? 'unknown', output }));
  });
}
