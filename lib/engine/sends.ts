import type { Sender } from './sender.js';

/** The ways of sending one by one, whoever makes the system calls. */
export type Sends = { [Way in keyof Sender]: Sender[Way] };
