import { illegalConstructor } from '../base/errors.js';

const opened = new WeakSet<object>();

/** What the addon has opened just now, of which a socket may be made. */
export function markOpened<T extends object>(socket: T): T {
  opened.add(socket);
  return socket;
}

/**
 * For constructors, which JavaScript lets everybody call.
 * @throws TypeError `ERR_ZEROSEND_ILLEGAL_CONSTRUCTOR` for what `markOpened` has not seen
 */
export function checkOpened<T extends object>(socket: T, instead: string): T {
  if (!opened.has(socket)) throw illegalConstructor('a socket', `await ${instead}`);
  return socket;
}
