import type { OptionSpecs, OptionValues } from './options.js';
import type { Terminal } from './terminal.js';

/** What a command ends with. `zerosend --help` lists them. */
export const EXIT = {
  /** It did what was asked, or was interrupted and reported how far it had come. */
  OK: 0,
  /** It ran, and the result is not right: an id is missing, a byte is wrong, a send has failed. */
  FAILED: 1,
  /** The command line is wrong. Nothing was done. */
  USAGE: 2,
  /** The system does not allow or have what this needs; the message says what helps. */
  UNAVAILABLE: 3,
  /** A second Ctrl-C ended it at once, without a report. */
  KILLED: 130,
  /**
   * The reader of its output has gone (`| head`): 128 + SIGPIPE, as shells report it of other
   * programs.
   */
  UNREAD: 141,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What a command gets when it runs. */
export interface Invocation<S extends OptionSpecs> {
  readonly options: OptionValues<S>;
  readonly positionals: readonly string[];
  /** `--json`: one JSON document on standard output, and nothing else there. */
  readonly json: boolean;
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C. The command then has to end what is running, and report. */
  readonly signal: AbortSignal;
}

/** One command of `zerosend`. Help, parsing and documentation are made from this description. */
export interface Command<S extends OptionSpecs> {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What it does and when to use it, in a few lines. */
  readonly about: string;
  /**
   * How help writes arguments without a name, such as 'CAPTURE'. Without it no such arguments are
   * allowed.
   */
  readonly positionals?: string;
  readonly options: S;
  /** Command lines that work as they stand, each with what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** What an exit code means for this command, where that is more than EXIT says. */
  readonly exitCodes?: Readonly<Partial<Record<ExitCode, string>>>;
  run(invocation: Invocation<S>): Promise<ExitCode>;
}

/** One line of the list of commands; the command itself is loaded when it runs. */
export interface Entry {
  readonly summary: string;
  load(): Promise<{ readonly command: Command<OptionSpecs> }>;
}

/** Gives a command the types of its own options. */
export function defineCommand<const S extends OptionSpecs>(command: Command<S>): Command<S> {
  return command;
}
