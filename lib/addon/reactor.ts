import { recentClock } from '../base/recent-clock.js';
import { throwLater } from '../base/throw-later.js';
import { setImmediate } from '../base/timers.js';
import { BATCH_RECORDS, KIND_INLINE, native } from './addon.js';
import { alarms } from './alarms.js';
import { hold } from './keep-alive.js';
import { recordFirst, recordHandle, recordKind, recordLast } from './mailbox.js';
import { promptSends } from './prompt-sends.js';
import type { Reactee } from './reactee.js';

/**
 * Connects this thread's sockets with the addon: hands them the batches, and decides who reaps.
 *
 * Busy and idle: a socket that sends is put on a list, and is polled once a turn of the event loop
 * for as long as it goes on sending. After a turn without a send it is armed: the poller thread of
 * the addon takes over and calls `deliver`.
 *
 * A batch is worked off in two passes. First every record is taken in and buffers go back to their
 * pools; only then listeners run, since they may call anything, including the poll that overwrites
 * the batch.
 *
 * What listeners cause, by a send or a poll of theirs, is taken in at once as well, but is told of in
 * the next turn of the event loop (or the next poll of the program outside of listeners, if that is
 * earlier): a listener that sends again what has come back would otherwise never let the event loop
 * turn. Events keep their order, across sockets too. A socket that has events left does not settle,
 * so `close` is its last one.
 */
class Reactor {
  // Weak, and strong while something is to come: an idle socket that its user has forgotten is
  // garbage, and is closed with a warning.
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
  /** Told of a socket that was collected, and is about to be closed. */
  forgotten: ((handle: number) => void) | null = null;
  #busy: Reactee[] = [];
  #spare: Reactee[] = [];
  #scheduled = false;
  // Events to emit: socket, and four numbers for each. The arrays are never cut, which would give
  // their memory back: a steady flow does not allocate.
  #events = 0;
  readonly #eventSockets: (Reactee | null)[] = [];
  readonly #eventNumbers: number[] = [];
  #emitting = false;
  readonly #turn = () => this.#onTurn();
  readonly #bookPrompt = (socket: Reactee) => this.#takePrompt(socket);

  constructor() {
    native.setDeliver((records, alarm) => {
      if (alarm) alarms.ring();
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

  /** To be called before each send. */
  markBusy(socket: Reactee): void {
    socket.active = true;
    if (!socket.scheduled) this.#schedule(socket);
  }

  #schedule(socket: Reactee): void {
    socket.scheduled = true;
    this.#busy.push(socket);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    recentClock.expire();
    setImmediate(this.#turn);
  }

  /** Takes in what has finished on one socket, and emits what is to be told, unless a listener asks. */
  poll(socket: Reactee): void {
    recentClock.expire();
    this.#collect(socket);
    this.#emitAll();
  }

  #collect(socket: Reactee): void {
    promptSends.take(this.#bookPrompt);
    this.#takePrompt(socket);
    let records: number;
    do {
      records = native.poll(socket.handle);
      if (records > 0) this.#takeIn(records, socket);
    } while (records === BATCH_RECORDS);
  }

  /** Keeps the socket, and the process, alive for as long as that is needed. */
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
    // All are taken in before anything is told, so that what listeners cause is left for the next turn.
    for (let i = 0; i < turn.length; i++) {
      const socket = turn[i] as Reactee;
      if (socket.added) this.#collect(socket); // else closed meanwhile
    }
    this.#emitAll();
    for (let i = 0; i < turn.length; i++) {
      const socket = turn[i] as Reactee;
      if (socket.added) socket.settle();
      if (!socket.added) continue;
      socket.scheduled = false;
      const active = socket.active;
      socket.active = false;
      const busy = active || native.arm(socket.handle) > 0;
      socket.rest(!busy);
      if (busy) this.#schedule(socket);
      else this.updateHold(socket);
    }
    turn.length = 0;
  }

  /** Leaves what is to be told of sends that were answered PROMPT: it comes before records of the socket. */
  #takePrompt(socket: Reactee): void {
    const count = socket.reclaimPrompt();
    const { low } = socket;
    if (count > 0) this.#leave(socket, KIND_INLINE, low - count, low - 1, low);
  }

  /** @param polled the socket of the records, where it is known */
  #takeIn(records: number, polled?: Reactee): void {
    recentClock.beginBatch();
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

  /** Leaves an event for later; `low` is the id below which all have completed. */
  #leave(socket: Reactee, kind: number, first: number, last: number, low: number): void {
    socket.untold++;
    const event = this.#events++;
    this.#eventSockets[event] = socket;
    this.#eventNumbers[4 * event] = kind;
    this.#eventNumbers[4 * event + 1] = first;
    this.#eventNumbers[4 * event + 2] = last;
    this.#eventNumbers[4 * event + 3] = low;
  }

  /** Emits the events that there are now. Those that come about meanwhile are left. */
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
        // A listener's fault must not keep the others from their events, nor make the send or poll
        // fail in which it happens to run.
        throwLater(error);
        recentClock.expire();
      }
      // Not with the last of a run: a listener that polls may have put more behind other sockets'.
      if (--socket.untold === 0) {
        socket.settle();
        if (socket.scheduled) continue; // the turn that takes it off its list does the rest
        socket.rest(true);
        this.updateHold(socket);
      }
    }
    this.#emitting = false;
    this.#dropEvents(end);
  }

  /** The first `end` events have been emitted. */
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

export const reactor = new Reactor();
