import { illegalConstructor } from '../base/errors.js';

const opened = new WeakSet<object>();

/** Marks an object that a static `open` or `connect` passes to a constructor. */
export function markOpened<T extends object>(socket: T): T {
  opened.add(socket);
  return socket;
}

/**
 * Checks the argument of a constructor, which in JavaScript any code can call.
 * @throws TypeError `ERR_ZEROSEND_ILLEGAL_CONSTRUCTOR` for an object that `markOpened` has not
 * marked
 */
export function checkOpened<T extends object>(socket: T, instead: string): T {
  if (!opened.has(socket)) throw illegalConstructor('a socket', `await ${instead}`);
  return socket;
}
