// @ts-check
// node scripts/run.mjs FILE [ARGUMENT ...]
//
// Runs a program of the checkout when node_modules/, build/ and dist/ are up to date: what each script
// of package.json needs first stands here once. Not before, since they may not be there at all.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [node = '', self = '', file = '', ...args] = process.argv;
process.argv = [node, self]; // the arguments are the program's
await import('./ensure.mjs');
if (process.exitCode) process.exit();
const program = resolve(file);
process.argv = [node, program, ...args];
await import(pathToFileURL(program).href);
