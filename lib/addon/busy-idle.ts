import type { Reactee } from './reactee.js';

/** How many turns with sends a socket that was seen to rest is taken to rest after each of them. */
const LOOK_AGAIN = 16;

/**
 * Whether a socket that has sent needs no other turn, since all has completed: of one that sends now and
 * then, as a paced one does. One that sends in each turn stays busy, which costs it less. Which of both it
 * is shows only where it is given a turn, so that is done from time to time.
 */
export function isDone(socket: Reactee): boolean {
  if (!socket.active) {
    socket.restsOften = LOOK_AGAIN;
    return true;
  }
  if (socket.restsOften === 0 || !socket.isClear) return false;
  socket.restsOften--;
  return true;
}
