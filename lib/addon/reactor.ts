import { recentClock } from '../base/recent-clock.js';
import { throwLater } from '../base/throw-later.js';
import { setImmediate } from '../base/timers.js';
import { BATCH_RECORDS, KIND_INLINE, native } from './addon.js';
import { alarms } from './alarms.js';
import { isDone } from './busy-idle.js';
import { Holds } from './holds.js';
import { ScheduledSockets } from './look-back.js';
import { notedTime, recordFirst, recordHandle, recordKind, recordLast } from './mailbox.js';
import { promptSends } from './prompt-sends.js';
import type { Reactee } from './reactee.js';
import {
  awaitRecords,
  dropStreamed,
  hunger,
  isHungry,
  isPatient,
  lookSoon,
  streamed,
  streamedFirst,
  streamedHandle,
  streamedKind,
  streamedLast,
} from './submission.js';
import { UntoldEvents } from './untold-events.js';

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
  readonly holds = new Holds();
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
  readonly scheduled = new ScheduledSockets();
  #busy: Reactee[] = [];
  #spare: Reactee[] = [];
  #scheduled = false;
  readonly #events = new UntoldEvents();
  #emitting = false;
  readonly #turn = () => this.#onTurn();
  readonly #bookPrompt = (socket: Reactee) => this.#takePrompt(socket);

  constructor() {
    native.setDeliver((records, alarm) => {
      recentClock.beginBatch();
      promptSends.take(this.#bookPrompt);
      this.#takeIn(records);
      this.#takeStream();
      if (alarm) {
        recentClock.expire(); // before sends that alarms make
        alarms.ring(); // not before the batch is taken in: what rings may poll, as listeners may
      }
      this.#emitAll();
      if (!this.#scheduled) this.#rest();
    });
  }

  add(socket: Reactee, fd: number): void {
    const { handle } = socket;
    socket.added = true;
    this.#sockets.set(handle, new WeakRef(socket));
    this.#forgotten.register(socket, { handle, fd }, socket);
    this.holds.update(socket);
  }

  remove(socket: Reactee): void {
    socket.added = false;
    this.#sockets.delete(socket.handle);
    this.#forgotten.unregister(socket);
    this.holds.drop(socket);
  }

  /** Has to be called before each send. */
  markBusy(socket: Reactee): void {
    socket.active = true;
    if (!socket.scheduled) this.#schedule(socket);
  }

  #schedule(socket: Reactee): void {
    socket.scheduled = true;
    this.scheduled.add(socket);
    this.#busy.push(socket);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    lookSoon();
    recentClock.expire();
    setImmediate(this.#turn);
  }

  #rest(): void {
    if (awaitRecords()) this.#scheduleTurn(); // otherwise the thread that has records calls `deliver`
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

  /** Takes in what the submission thread has read so far, and emits its events. */
  look(): void {
    if (streamed() === 0 && this.#events.count === 0) return;
    recentClock.expire();
    this.#takeStream();
    this.#emitAll();
  }

  /** Takes in what the submission thread has read, and leaves the events for the next turn. */
  reclaim(): void {
    if (streamed() === 0) {
      hunger();
      return;
    }
    recentClock.expire();
    this.#takeStream();
    if (this.#events.count > 0) this.#scheduleTurn();
  }

  #collect(socket: Reactee): void {
    if (socket.streams) {
      promptSends.take(this.#bookPrompt);
      native.pollSubmitted(socket.handle);
      this.#takeStream();
      return;
    }
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

  #onTurn(): void {
    this.#scheduled = false;
    const turn = this.#busy;
    this.#busy = this.#spare;
    this.#spare = turn;
    // All are taken in before any event is emitted, so that what listeners cause is left for the
    // next turn.
    for (let i = 0; i < turn.length; i++) {
      const socket = turn[i] as Reactee;
      if (socket.added && !socket.streams) this.#collect(socket); // otherwise it was closed meanwhile
    }
    this.#takeStream();
    this.#emitAll();
    for (let i = 0; i < turn.length; i++) {
      const socket = turn[i] as Reactee;
      if (socket.added) socket.settle();
      this.scheduled.remove(socket);
      if (!socket.added) continue;
      socket.scheduled = false;
      const { active } = socket;
      const done = socket.streams || isDone(socket);
      socket.active = false;
      const busy = socket.streams
        ? isHungry()
          ? isPatient() && socket.isSoon()
          : active
        : !done || native.arm(socket.handle) > 0;
      socket.rest(!busy);
      if (busy) this.#schedule(socket);
      else this.holds.update(socket);
    }
    turn.length = 0;
    if (!this.#scheduled) this.#rest();
  }

  /** Takes the records of the stream in, those included that had no room in it. */
  #takeStream(): void {
    for (let count = streamed(); count > 0; count = streamed()) {
      recentClock.beginBatch();
      let socket: Reactee | undefined;
      for (let i = 0; i < count; i++) {
        const handle = streamedHandle(i);
        if (socket === undefined || socket.handle !== handle) {
          socket = this.#sockets.get(handle)?.deref();
        }
        if (socket === undefined) continue; // closed meanwhile
        this.#book(socket, streamedKind(i), streamedFirst(i), streamedLast(i));
      }
      if (!dropStreamed(count)) return;
    }
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
      this.#book(socket, recordKind(i), recordFirst(i), recordLast(i));
    }
  }

  /** Takes one record in, and leaves its event for later. */
  #book(socket: Reactee, kind: number, first: number, last: number): void {
    this.#leave(socket, kind, first, last, socket.reclaim(kind, first, last));
  }

  /** Puts an event on the list. `low` is the id below which all have completed. */
  #leave(socket: Reactee, kind: number, first: number, last: number, low: number): void {
    socket.untold++;
    this.#events.add(socket, kind, first, last, low);
  }

  /** Emits the events that are on the list now, not those that are added meanwhile. */
  #emitAll(): void {
    if (this.#emitting) return;
    this.#emitting = true;
    const events = this.#events;
    const end = events.count;
    for (let i = 0; i < end; i++) {
      const socket = events.take(i);
      try {
        events.tell(i, socket);
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
        this.holds.update(socket);
      }
    }
    this.#emitting = false;
    events.drop(end);
    if (events.count > 0) this.#scheduleTurn();
  }
}

export const reactor = new Reactor();
