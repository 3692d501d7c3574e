// @ts-check
// Runs one of the scenarios of this folder in a process of its own, for what needs a namespace or
// would not leave the test process as it was:
//
//   node run.mjs MODULE ARGUMENT      calls run(ARGUMENT) of MODULE, prints what it answers as JSON
import { writeSync } from 'node:fs';

const [module = '', argument = '{}'] = process.argv.slice(2);
const { run } = await import(`./${module}.mjs`);
const answer = await run(JSON.parse(argument));
writeSync(1, `${JSON.stringify(answer)}\n`);
