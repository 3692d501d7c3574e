import type { Entry } from './base/command.js';

export type { Entry };

/** Every command, in the order in which a new user needs them. */
export const COMMANDS: Readonly<Record<string, Entry>> = {};
