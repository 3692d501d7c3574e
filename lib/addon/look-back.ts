import { native } from './addon.js';
import { recordFirst, recordHandle, recordLast } from './mailbox.js';
import type { Reactee } from './reactee.js';

/** kIndexMask of native/threads/poller.h */
const HANDLE_INDEX = 2 ** 20 - 1;

/** The addon numbers sockets from 1 on, and gives a number out again with other bits above it. */
function indexOf(handle: number): number {
  return handle & HANDLE_INDEX;
}

/** The sockets on the reactor's list, found by their handles without a look at anything cold. */
export class ScheduledSockets {
  readonly #sockets: (Reactee | null)[] = [];

  add(socket: Reactee): void {
    this.#sockets[indexOf(socket.handle)] = socket;
  }

  remove(socket: Reactee): void {
    this.#sockets[indexOf(socket.handle)] = null;
  }

  /**
   * Many sockets take turns at sending: gives back what has completed of the latest sends, while they are
   * in a cache. No event is emitted now, since to emit one for each send costs more than the send: that is
   * left for when a socket is looked at.
   */
  lookBack(): void {
    const ranges = native.lookBack();
    for (let i = 0; i < ranges; i++) {
      const handle = recordHandle(i);
      const socket = this.#sockets[indexOf(handle)];
      if (socket?.handle === handle) socket.giveBack(recordFirst(i), recordLast(i));
    }
  }
}
