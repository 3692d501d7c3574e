#!/usr/bin/env node
import { runProgram } from './base/program.js';
import { COMMANDS } from './commands.js';

process.exitCode = await runProgram(COMMANDS, process.argv.slice(2));
