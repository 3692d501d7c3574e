import { stateError } from '../base/errors.js';
import type { Failure, Native } from './contract.js';
import { load } from './load.js';

export const native: Native = load();

/** Own properties decide: somebody may have put an `errno` on Object.prototype. */
export function isFailure(answer: object): answer is Failure {
  return Object.hasOwn(answer, 'errno');
}

/** A number that both sides use, by the name under which native/node/addon.cc exports it. */
export function constant(name: string): number {
  const value = native.constants?.[name];
  if (value === undefined) {
    throw stateError('ERR_ZEROSEND_NATIVE_MISMATCH', `the native part lacks the constant ${name}`);
  }
  return value;
}

// Kinds of records; the first four are the outcomes of a range, and so are those from `failure` on.
export const KIND_ZEROCOPY: number = constant('zerocopy');
export const KIND_COPIED: number = constant('copied');
export const KIND_INLINE: number = constant('inline');
export const KIND_REVOKED: number = constant('revoked');
/** and up, plus the reason: an errno, a refusal (not negated) or GIVEN_UP */
export const KIND_FAILURE: number = constant('failure');
export const GIVEN_UP: number = constant('givenUp');
/** Whether a record says that ids have ended. */
export function isEnd(kind: number): boolean {
  return kind <= KIND_REVOKED || kind >= KIND_FAILURE;
}
export const KIND_DRAIN: number = constant('drain');
export const KIND_CONNECTED: number = constant('connected');
export const KIND_ERROR: number = constant('error');
export const KIND_RETIRED: number = constant('retired');
/** The record of an id that will fail, and whose place in the ring the kernel has passed. */
export const KIND_PASSED: number = constant('passed');
export const KIND_LINK_DOWN: number = constant('linkDown');
export const KIND_STAMP: number = constant('stamp');
/** and up, plus the stage */
export const KIND_STAMPED: number = constant('stamped');

export const FLAG_ZERO_COPY: number = constant('flagZeroCopy');
/** To the first destination of the mailbox. */
export const FLAG_DESTINATION: number = constant('flagDestination');
/** Of several messages: each to its own destination. */
export const FLAG_EACH: number = constant('flagEach');
/** Begins where the mailbox says, not at the start of its memory. */
export const FLAG_BEGIN: number = constant('flagBegin');
/** Of a send by itself: it may answer PROMPT. Only while the end of all sends before it is known. */
export const FLAG_PROMPT: number = constant('flagPrompt');
/** With FLAG_PROMPT: the send would begin a range of them. */
export const FLAG_RANGE: number = constant('flagRange');
/** The answer of a send that has completed, since the kernel has copied it: no record will tell of it. */
export const PROMPT: number = constant('prompt');
export const REFUSED_CLOSED: number = -constant('refusedClosed');
export const REFUSED_QUEUE_FULL: number = -constant('refusedQueueFull');
export const REFUSED_WRONG_POOL: number = -constant('refusedWrongPool');

export const BATCH_RECORDS: number = constant('batchRecords');
export const RECORD_SIZE: number = constant('recordSize');
export const MAX_REQUESTS: number = constant('requests');
export const REQUEST_SIZE: number = constant('requestSize');
/** Of a destination, in words of 32 bits. */
export const ADDRESS_SIZE: number = constant('addressSize');
