import { type ErrorCode, errnoCode } from '../base/errors.js';
import { GIVEN_UP, REFUSED_CLOSED, REFUSED_QUEUE_FULL, REFUSED_WRONG_POOL } from './addon.js';

/** The codes of sends that failed for another reason than an errno. */
const REASONS = new Map<number, ErrorCode>([
  [GIVEN_UP, 'ERR_ZEROSEND_ABORTED'],
  [-REFUSED_CLOSED, 'ERR_ZEROSEND_SOCKET_CLOSED'],
  [-REFUSED_QUEUE_FULL, 'ERR_ZEROSEND_QUEUE_FULL'],
  [-REFUSED_WRONG_POOL, 'ERR_ZEROSEND_WRONG_POOL'],
]);

/** The error code of a range that failed, for the reason that its record gives. */
export function failureCode(reason: number): string {
  return REASONS.get(reason) ?? errnoCode(reason);
}
