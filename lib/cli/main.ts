#!/usr/bin/env node
import { EXIT, type ExitCode } from './base/command.js';
import { columns, exitCodesOf, helpOf } from './base/help.js';
import { interruption } from './base/interrupt.js';
import { UsageError } from './base/options.js';
import { parse } from './base/parse.js';
import { Terminal } from './base/terminal.js';
import { COMMANDS, type Entry } from './commands.js';

const terminal = new Terminal();

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary] as const);
  return [
    'Sends from buffers that the Linux kernel reads in place, and says when each is free again.',
    '',
    'usage: zerosend COMMAND [options]',
    '',
    columns(rows),
    '',
    "'zerosend COMMAND --help' says more about each.",
    '',
    exitCodesOf(),
  ].join('\n');
}

async function runCommand(entry: Entry, args: readonly string[]): Promise<ExitCode> {
  const { command } = await entry.load();
  const { help, ...parsed } = parse(command, args);
  if (help) {
    terminal.print(helpOf(command));
    return EXIT.OK;
  }
  return await command.run({ ...parsed, terminal, signal: interruption() });
}

async function main([name = '--help', ...args]: readonly string[]): Promise<ExitCode> {
  if (name === '--help' || name === '-h' || name === 'help') {
    terminal.print(overview());
    return EXIT.OK;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const hint = `'zerosend ${entry ? `${name} ` : ''}--help' says what can be given`;
  try {
    if (!entry) throw new UsageError(`there is no command '${name}'`);
    return await runCommand(entry, args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.note(`zerosend: ${error.message}\n${hint}`);
    return EXIT.USAGE;
  }
}

process.exitCode = await main(process.argv.slice(2));
