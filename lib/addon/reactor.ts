import { recentClock } from '../base/recent-clock.js';
import { throwLater } from '../base/throw-later.js';
import { setImmediate } from '../base/timers.js';
import { BATCH_RECORDS, KIND_INLINE, native } from './addon.js';
import { alarms } from './alarms.js';
import { hold } from './keep-alive.js';
import { notedTime, recordFirst, recordHandle, recordKind, recordLast } from './mailbox.js';
import { promptSends } from './prompt-sends.js';
import type { Reactee } from './reactee.js';

/** So often a socket that was seen to rest is taken to do so. */
const LOOK_AGAIN = 16;
/** kIndexMask of native/threads/poller.h */
const HANDLE_INDEX = 2 ** 20 - 1;

/**
 * Connects this thread's sockets with the addon: hands them the batches of records, and decides
 * whether JavaScript or the poller thread reaps a socket.
 *
 * Busy and idle: a socket that sends is put on a list, and is polled once a turn of the event loop
 * for as long as it goes on sending. After a turn without a send, or by whose end all has completed, it is
 * armed: the poller thread of the addon takes over and calls `deliver`.
 *
 * A batch is worked off in two passes. First every record is taken in and buffers go back to their
 * pools; only then listeners run, since they may call anything, including the poll that overwrites
 * the batch.
 *
 * Records that arrive because a listener sends or polls are taken in at once as well, but their
 * events are emitted in the next turn of the event loop (or in the next poll outside of listeners,
 * if that is earlier): a listener that sends again what has come back would otherwise never let the
 * event loop turn. Events keep their order, across sockets too. A socket that has events left does
 * not settle, so `close` is its last one.
 */
class Reactor {
  // Sockets are held weakly, and strongly only while something is to come. So an idle socket that
  // the program no longer refers to is garbage-collected, and is closed with a warning.
  readonly #sockets = new Map<number, WeakRef<Reactee>>();
  readonly #needed = new Set<Reactee>();
  readonly #forgotten = new FinalizationRegistry<{ handle: number; fd: number }>((lost) => {
    this.#sockets.delete(lost.handle);
    this.forgotten?.(lost.handle);
    native.close(lost.handle);
    process.emitWarning(
      `a socket (fd ${lost.fd}) was garbage-collected without close(); it has been closed`,
      { type: 'ZeroSendWarning', code: 'ZEROSEND_SOCKET_FORGOTTEN' },
    );
  });
  /** Called for a socket that was garbage-collected, before it is closed. */
  forgotten: ((handle: number) => void) | null = null;
  /** those that are on a list, by the index that is in their handles */
  readonly #scheduledSockets: (Reactee | null)[] = [];
  #busy: Reactee[] = [];
  #spare: Reactee[] = [];
  #scheduled = false;
  // The events to emit: for each a socket and four numbers. The arrays are never shortened, since
  // V8 would free their memory: a steady flow does not allocate.
  #events = 0;
  readonly #eventSockets: (Reactee | null)[] = [];
  readonly #eventNumbers: number[] = [];
  #emitting = false;
  readonly #turn = () => this.#onTurn();
  readonly #bookPrompt = (socket: Reactee) => this.#takePrompt(socket);

  constructor() {
    native.setDeliver((records, alarm) => {
      if (alarm) alarms.ring();
      recentClock.beginBatch();
      promptSends.take(this.#bookPrompt);
      this.#takeIn(records);
      this.#emitAll();
    });
  }

  add(socket: Reactee, fd: number): void {
    const { handle } = socket;
    socket.added = true;
    this.#sockets.set(handle, new WeakRef(socket));
    this.#forgotten.register(socket, { handle, fd }, socket);
    this.updateHold(socket);
  }

  remove(socket: Reactee): void {
    socket.added = false;
    this.#sockets.delete(socket.handle);
    this.#forgotten.unregister(socket);
    this.#needed.delete(socket);
    if (socket.held) {
      socket.held = false;
      hold(-1);
    }
  }

  /** Has to be called before each send. */
  markBusy(socket: Reactee): void {
    socket.active = true;
    if (!socket.scheduled) this.#schedule(socket);
  }

  #schedule(socket: Reactee): void {
    socket.scheduled = true;
    this.#scheduledSockets[indexOf(socket.handle)] = socket;
    this.#busy.push(socket);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    recentClock.expire();
    setImmediate(this.#turn);
  }

  /**
   * Takes in the completions of one socket, and emits all events that are left, unless a listener
   * calls this.
   */
  poll(socket: Reactee): void {
    recentClock.expire();
    this.#collect(socket);
    this.#emitAll();
  }

  /**
   * Many sockets take turns at sending: gives back what has completed of the latest sends, while they are
   * in a cache. Nobody is told of it now, since to tell of each send costs more than the send: that is
   * left for when a socket is looked at.
   */
  lookBack(): void {
    const ranges = native.lookBack();
    for (let i = 0; i < ranges; i++) {
      const handle = recordHandle(i);
      const socket = this.#scheduledSockets[indexOf(handle)];
      if (socket?.handle === handle) socket.giveBack(recordFirst(i), recordLast(i));
    }
  }

  #collect(socket: Reactee): void {
    let records = native.poll(socket.handle);
    recentClock.beginBatch(notedTime());
    promptSends.take(this.#bookPrompt);
    this.#takePrompt(socket);
    this.#takeIn(records, socket);
    while (records === BATCH_RECORDS) {
      records = native.poll(socket.handle);
      recentClock.beginBatch(notedTime());
      this.#takeIn(records, socket);
    }
  }

  /** Keeps the socket and the process alive for as long as the socket needs it. */
  updateHold(socket: Reactee): void {
    if (!socket.added) return;
    const needed = socket.hasNews();
    if (needed !== socket.needed) {
      socket.needed = needed;
      if (needed) this.#needed.add(socket);
      else this.#needed.delete(socket);
    }
    const wanted = socket.wantsHold();
    if (wanted === socket.held) return;
    socket.held = wanted;
    hold(wanted ? 1 : -1);
  }

  #onTurn(): void {
    this.#scheduled = false;
    const turn = this.#busy;
    this.#busy = this.#spare;
    this.#spare = turn;
    // All are taken in before any event is emitted, so that what listeners cause is left for the
    // next turn.
    for (let i = 0; i < turn.length; i++) {
      const socket = turn[i] as Reactee;
      if (socket.added) this.#collect(socket); // otherwise it was closed meanwhile
    }
    this.#emitAll();
    for (let i = 0; i < turn.length; i++) {
      const socket = turn[i] as Reactee;
      if (socket.added) socket.settle();
      this.#scheduledSockets[indexOf(socket.handle)] = null;
      if (!socket.added) continue;
      socket.scheduled = false;
      const done = this.#isDone(socket);
      socket.active = false;
      const busy = !done || native.arm(socket.handle) > 0;
      socket.rest(!busy);
      if (busy) this.#schedule(socket);
      else this.updateHold(socket);
    }
    turn.length = 0;
  }

  /**
   * Whether a socket that has sent needs no other turn, since all has completed: of one that sends now and then,
   * as a paced one does. One that sends in each turn stays busy, which costs it less. Which of both it is shows
   * where it is given a turn, so that is done from time to time.
   */
  #isDone(socket: Reactee): boolean {
    if (!socket.active) {
      socket.restsOften = LOOK_AGAIN;
      return true;
    }
    if (socket.restsOften === 0 || !socket.isClear) return false;
    socket.restsOften--;
    return true;
  }

  /** Takes in the prompt sends. Their events come before those of the records of the socket. */
  #takePrompt(socket: Reactee): void {
    const count = socket.reclaimPrompt();
    const { low } = socket;
    if (count > 0) this.#leave(socket, KIND_INLINE, low - count, low - 1, low);
  }

  /** @param polled the socket that the records are about, where it is known */
  #takeIn(records: number, polled?: Reactee): void {
    let socket = polled;
    for (let i = 0; i < records; i++) {
      const handle = recordHandle(i);
      if (socket === undefined || socket.handle !== handle) {
        socket = this.#sockets.get(handle)?.deref();
        if (socket !== undefined) this.#takePrompt(socket);
      }
      if (socket === undefined) continue; // closed meanwhile
      const kind = recordKind(i);
      const first = recordFirst(i);
      const last = recordLast(i);
      this.#leave(socket, kind, first, last, socket.reclaim(kind, first, last));
    }
  }

  /** Puts an event on the list. `low` is the id below which all have completed. */
  #leave(socket: Reactee, kind: number, first: number, last: number, low: number): void {
    socket.untold++;
    const event = this.#events++;
    this.#eventSockets[event] = socket;
    this.#eventNumbers[4 * event] = kind;
    this.#eventNumbers[4 * event + 1] = first;
    this.#eventNumbers[4 * event + 2] = last;
    this.#eventNumbers[4 * event + 3] = low;
  }

  /** Emits the events that are on the list now, not those that are added meanwhile. */
  #emitAll(): void {
    if (this.#emitting) return;
    this.#emitting = true;
    const sockets = this.#eventSockets;
    const numbers = this.#eventNumbers;
    const end = this.#events;
    for (let i = 0; i < end; i++) {
      const socket = sockets[i] as Reactee;
      sockets[i] = null;
      try {
        socket.tell(
          numbers[4 * i] as number,
          numbers[4 * i + 1] as number,
          numbers[4 * i + 2] as number,
          numbers[4 * i + 3] as number,
        );
      } catch (error) {
        // An error of a listener must not keep other listeners from their events, nor make the send
        // or poll fail within which it happens to run.
        throwLater(error);
        recentClock.expire();
      }
      // The socket may have further events on the list, behind those of other sockets: a listener
      // that polls may have added some.
      if (--socket.untold === 0) {
        socket.settle();
        if (socket.scheduled) continue; // settles when the turn takes it off its list
        socket.rest(true);
        this.updateHold(socket);
      }
    }
    this.#emitting = false;
    this.#dropEvents(end);
  }

  /** Removes the first `end` events, which have been emitted. */
  #dropEvents(end: number): void {
    const left = this.#events - end;
    if (left > 0) {
      const sockets = this.#eventSockets;
      this.#eventNumbers.copyWithin(0, 4 * end, 4 * this.#events);
      sockets.copyWithin(0, end, this.#events);
      sockets.fill(null, left, this.#events);
      this.#scheduleTurn();
    }
    this.#events = left;
  }
}

/** The addon numbers sockets from 1 on, and gives a number out again with other bits above it. */
function indexOf(handle: number): number {
  return handle & HANDLE_INDEX;
}

export const reactor = new Reactor();
