import type { CodedError } from '../../base/errors.js';
import { type Entry, EXIT, type ExitCode } from './command.js';
import { columns, exitCodesOf, helpOf } from './help.js';
import { interruption } from './interrupt.js';
import { UsageError } from './options.js';
import { parse } from './parse.js';
import { nearest } from './similar.js';
import { Terminal } from './terminal.js';
import { version } from './version.js';

type Entries = Readonly<Record<string, Entry>>;

/**
 * Codes of errors that mean that the system or the installation lacks something, though no system
 * call has failed.
 */
const UNAVAILABLE = new Set([
  'ERR_ZEROSEND_NATIVE_MISSING',
  'ERR_ZEROSEND_NATIVE_MISMATCH',
  'ERR_ZEROSEND_UNSUPPORTED_PLATFORM',
  'ERR_ZEROSEND_PACING_UNSUPPORTED',
  'ERR_ZEROSEND_NO_MEMORY',
  'ERR_ZEROSEND_NO_HUGE_PAGES',
]);

/**
 * Runs the command that `args` name, to its end.
 * @param args the arguments behind `zerosend` on the command line
 * @returns the exit code
 */
export async function runProgram(
  commands: Entries,
  args: readonly string[],
  terminal: Terminal = new Terminal(),
): Promise<ExitCode> {
  leaveWithTheReader();
  const [name = '--help', ...rest] = rightOrder(args);
  const known = Object.hasOwn(commands, name);
  try {
    if (name === '--help' || name === '-h') terminal.print(overview(commands));
    else if (name === '--version') terminal.print(version());
    else if (known) return await runCommand(commands[name] as Entry, rest, terminal);
    else throw unknownCommand(commands, name);
    return EXIT.OK;
  } catch (error) {
    return explain(error, known ? name : undefined, terminal);
  }
}

/** Turns `help NAME` into `NAME --help`. */
function rightOrder(args: readonly string[]): readonly string[] {
  const [first, second] = args;
  if (first !== 'help') return args;
  return second === undefined || second.startsWith('-') ? ['--help'] : [second, '--help'];
}

async function runCommand(
  entry: Entry,
  args: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const { command } = await entry.load();
  const { help, ...parsed } = parse(command, args);
  if (help) {
    terminal.print(helpOf(command));
    return EXIT.OK;
  }
  return await command.run({ ...parsed, terminal, signal: interruption() });
}

function overview(commands: Entries): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    'Sends from buffers that the Linux kernel reads in place, and says when each is free again.',
    '',
    'usage: zerosend COMMAND [options]',
    '',
    columns(rows),
    '',
    "'zerosend COMMAND --help' says more about each; 'zerosend --version' which version this is.",
    '',
    exitCodesOf(),
  ].join('\n');
}

function unknownCommand(commands: Entries, name: string): UsageError {
  const meant = nearest(name, Object.keys(commands));
  const hint = meant === undefined ? '' : `; did you mean '${meant}'?`;
  return new UsageError(`there is no command '${name}'${hint}`);
}

/** Explains errors about which a user can do something. Others are defects, and are thrown. */
function explain(error: unknown, name: string | undefined, terminal: Terminal): ExitCode {
  const command = name === undefined ? 'zerosend' : `zerosend ${name}`;
  if (error instanceof UsageError) {
    terminal.note(`${command}: ${error.message}\n'${command} --help' says what can be given`);
    return EXIT.USAGE;
  }
  const { code = '', syscall, message } = error as Partial<CodedError>;
  if (syscall === undefined && !UNAVAILABLE.has(code)) throw error;
  terminal.note(`${command}: ${message}`);
  return EXIT.UNAVAILABLE;
}

let leaving = false;

/**
 * Ends the process when the reader of the output has gone (`| head`), which is no error, or when there is no room for
 * it (a full disk), which is one.
 */
function leaveWithTheReader(): void {
  if (leaving) return;
  leaving = true;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.UNREAD);
      if (stream === process.stdout) process.stderr.write(`zerosend: output: ${error.message}\n`);
      process.exit(EXIT.FAILED);
    });
  }
}
