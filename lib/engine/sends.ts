import type { BatchSender } from './batch-sender.js';
import type { Sender } from './sender.js';

/** The ways of sending one by one, whoever makes the system calls. */
export type Sends = { [Way in keyof Sender]: Sender[Way] };

/** The ways of sending several at once, likewise. */
export type Batches = { [Way in keyof BatchSender]: BatchSender[Way] };
