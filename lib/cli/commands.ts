import type { Command } from './base/command.js';
import type { OptionSpecs } from './base/options.js';

/** One line of the list of commands; the command itself is loaded when it runs. */
export interface Entry {
  readonly summary: string;
  load(): Promise<{ readonly command: Command<OptionSpecs> }>;
}

/** Every command, in the order in which a new user needs them. */
export const COMMANDS: Readonly<Record<string, Entry>> = {};
