import { stateError } from '../base/errors.js';
import type { Failure, Native } from './contract.js';
import { load } from './load.js';

export const native: Native = load();

/** Only an own property counts: a program may have put an `errno` on Object.prototype. */
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

// The kinds of records. The first four are outcomes of a range of ids, and so is every kind from
// `failure` on.
export const KIND_ZEROCOPY: number = constant('zerocopy');
export const KIND_COPIED: number = constant('copied');
export const KIND_INLINE: number = constant('inline');
export const KIND_REVOKED: number = constant('revoked');
/**
 * The first of the kinds for ids that failed. The reason is added to it: an errno, a refusal (not
 * negated) or GIVEN_UP.
 */
export const KIND_FAILURE: number = constant('failure');
export const GIVEN_UP: number = constant('givenUp');
/** Whether a record says that a range of ids has completed, in whichever way. */
export function isEnd(kind: number): boolean {
  return kind <= KIND_REVOKED || kind >= KIND_FAILURE;
}
export const KIND_DRAIN: number = constant('drain');
export const KIND_CONNECTED: number = constant('connected');
export const KIND_ERROR: number = constant('error');
export const KIND_RETIRED: number = constant('retired');
/** Says that the kernel has gone past a frame of the ring whose id will complete as failed. */
export const KIND_PASSED: number = constant('passed');
export const KIND_LINK_DOWN: number = constant('linkDown');
/** Of a socket with a submission thread: a send has found no room. */
export const KIND_WAITING: number = constant('waiting');
export const KIND_STAMP: number = constant('stamp');
/** The first of the kinds for timestamps. The stage is added to it. */
export const KIND_STAMPED: number = constant('stamped');

export const FLAG_ZERO_COPY: number = constant('flagZeroCopy');
/** The messages of the call go to the first destination in the mailbox. */
export const FLAG_DESTINATION: number = constant('flagDestination');
/** Each of several messages goes to a destination of its own in the mailbox. */
export const FLAG_EACH: number = constant('flagEach');
/** Each message begins at the offset that the mailbox gives, not at the start of its memory. */
export const FLAG_BEGIN: number = constant('flagBegin');
/**
 * A single send may answer PROMPT. It is set only while all earlier sends of the socket are known
 * to have completed.
 */
export const FLAG_PROMPT: number = constant('flagPrompt');
/** Set with FLAG_PROMPT where the send would be the first of a range of prompt sends. */
export const FLAG_RANGE: number = constant('flagRange');
/**
 * The answer of a send that has completed within its call, since the kernel has copied it. No
 * record follows for it.
 */
export const PROMPT: number = constant('prompt');
/** The answer of a send that was accepted, as 0 is, and after which `native.lookBack` is to be called. */
export const LOOK_BACK: number = constant('lookBack');
export const REFUSED_CLOSED: number = -constant('refusedClosed');
export const REFUSED_QUEUE_FULL: number = -constant('refusedQueueFull');
export const REFUSED_WRONG_POOL: number = -constant('refusedWrongPool');

export const BATCH_RECORDS: number = constant('batchRecords');
export const RECORD_SIZE: number = constant('recordSize');
export const MAX_REQUESTS: number = constant('requests');
export const REQUEST_SIZE: number = constant('requestSize');
/** The size of a destination, in words of 32 bits. */
export const ADDRESS_SIZE: number = constant('addressSize');
