import { type ErrorCode, errnoCode } from '../base/errors.js';
import { GIVEN_UP, REFUSED_CLOSED, REFUSED_QUEUE_FULL, REFUSED_WRONG_POOL } from './addon.js';

/** Why sends have failed, where it was not the kernel. */
const REASONS = new Map<number, ErrorCode>([
  [GIVEN_UP, 'ERR_ZEROSEND_ABORTED'],
  [-REFUSED_CLOSED, 'ERR_ZEROSEND_SOCKET_CLOSED'],
  [-REFUSED_QUEUE_FULL, 'ERR_ZEROSEND_QUEUE_FULL'],
  [-REFUSED_WRONG_POOL, 'ERR_ZEROSEND_WRONG_POOL'],
]);

/** The code of a range that failed, from the reason that the addon gives for it. */
export function failureCode(reason: number): string {
  return REASONS.get(reason) ?? errnoCode(reason);
}
