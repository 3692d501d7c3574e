import { type Instruction, Machine, type Order, type Thread } from './store-buffers.js';

/** What can be taken away of the orders, or left out of the steps. */
export type Weakening =
  /** `publish`: the tail is stored without an order */
  | 'tailUnordered'
  /** `publish`: the tail is released, and `asleep` may be loaded before it is seen */
  | 'tailReleased'
  /** Submitter::sleep: `asleep` is released, and the tail may be loaded before it is seen */
  | 'asleepReleased'
  /** Submitter::sleep does not look at the tail again */
  | 'tailNotLookedAt'
  /** Stream::push: the tail of the records is stored without an order */
  | 'recordsUnordered'
  /** Stream::push: it is released, and `idle` may be loaded before it is seen */
  | 'recordsReleased'
  /** `awaitRecords`: `idle` is released, and the tail may be loaded before it is seen */
  | 'idleReleased'
  /** Stream::push: `backlog` is released, and the head may be loaded before it is seen */
  | 'backlogReleased'
  /** `dropStreamed`: the head is released, and `backlog` may be loaded before it is seen */
  | 'headReleased'
  /** Channel::report: `waiting` is released, and `drain_at` may be loaded before it is seen */
  | 'waitingReleased'
  /** `askForDrain`: `drain_at` is released, and `waiting` may be loaded before it is seen */
  | 'drainAtReleased';

function orders(weakened: Weakening | undefined) {
  return (name: Weakening, weak: Order): Order => (weakened === name ? weak : 'seq_cst');
}

// ---- descriptors, and the sleep of the thread -----------------------------------------------------------

const TAIL = 0;
const ASLEEP = 1;
const SLEEPER = 2; // the thread is on the queue of the futex
const WRONG = 3;
const TAKEN = 4; // lines that the thread has read
const LINES = 5; // and the next ones: whether each line has been written

/** Three sends, and the thread that takes them. */
export function publication(weakened?: Weakening): Machine {
  const order = orders(weakened);
  const tailOrder: Order =
    weakened === 'tailUnordered' ? 'relaxed' : order('tailReleased', 'release');
  const sends = 3;
  return new Machine({
    memory: [0, 0, 0, 0, 0, 0, 0, 0],
    programs: [
      {
        name: 'js',
        instructions: [
          {
            label: 'writes a line',
            optional: true,
            run: (js) => js.get(0) < sends && js.store(LINES + js.get(0), 1, 'relaxed') && js.go(1),
          },
          {
            label: 'publishes it',
            run: (js) => {
              if (!js.store(TAIL, js.get(0) + 1, tailOrder)) return false;
              js.set(0, js.get(0) + 1);
              return js.go(2);
            },
          },
          { label: 'loads asleep', run: (js) => js.go(js.load(ASLEEP) === 1 ? 3 : 0) },
          {
            label: 'wakes the thread',
            run: (js) => {
              if (!js.isDrained) return false;
              if (js.now(ASLEEP) === 1) js.setNow(SLEEPER, 0);
              js.setNow(ASLEEP, 0);
              return js.go(0);
            },
          },
        ],
      },
      {
        name: 'thread',
        instructions: [
          { label: 'loads the tail', run: (it) => it.go(it.load(TAIL) > it.get(0) ? 1 : 2) },
          {
            label: 'reads a line',
            run: (it) => {
              if (it.load(LINES + it.get(0)) === 0) it.setNow(WRONG, 1);
              it.set(0, it.get(0) + 1);
              it.setNow(TAKEN, it.get(0));
              return it.go(0);
            },
          },
          {
            label: 'stores asleep',
            run: (it) => it.store(ASLEEP, 1, order('asleepReleased', 'release')) && it.go(3),
          },
          {
            label: 'loads the tail again',
            run: (it) => {
              const same = weakened === 'tailNotLookedAt' || it.load(TAIL) === it.get(0);
              return it.go(same ? 5 : 4);
            },
          },
          { label: 'stays awake', run: (it) => it.store(ASLEEP, 0, 'seq_cst') && it.go(0) },
          {
            label: 'futex_wait',
            run: (it) => {
              if (!it.isDrained) return false;
              if (it.now(ASLEEP) !== 1) return it.go(0);
              it.setNow(SLEEPER, 1);
              return it.go(6);
            },
          },
          { label: 'is woken', run: (it) => it.now(SLEEPER) === 0 && it.go(7) },
          { label: 'looks why', run: (it) => it.go(it.load(ASLEEP) === 1 ? 5 : 0) },
        ],
      },
    ],
    broken: (read) => (read(WRONG) === 1 ? 'a line was read before it was written' : undefined),
    settled: (read, [js, thread]) =>
      js === 0 && thread === 6 && read(SLEEPER) === 1 && read(TAIL) === read(TAKEN),
  });
}

// ---- records, the idle event loop, and a full stream ----------------------------------------------------

const RECORD_TAIL = 0;
const RECORD_HEAD = 1;
const IDLE = 2;
const BACKLOG = 3;
const CALLS = 4; // of the thread-safe function, under way
const LOCK = 5; // of socket and stream
const NEWS = 6; // records that are with the socket
const RECORD = 7; // the one record for which there is room
const LOST = 8;
const ARRIVED = 9;
const GOT = 10;

/** Four records, room for one, and the event loop that reads them. */
export function stream(weakened?: Weakening): Machine {
  const order = orders(weakened);
  const most = 4;
  const tailOrder: Order =
    weakened === 'recordsUnordered' ? 'relaxed' : order('recordsReleased', 'release');
  const lock = (it: Thread, then: number) => {
    if (!it.isDrained || it.now(LOCK) === 1) return false;
    it.setNow(LOCK, 1);
    return it.go(then);
  };
  // Stream::push, from place `at` on; it goes on at `then`. Register 3 is the head as it was read.
  const push = (at: number, then: number): Instruction[] => [
    { label: 'locks', run: (it) => lock(it, at + 1) },
    {
      label: 'loads the head',
      run: (it) => {
        if (it.now(NEWS) === 0) return it.go(at + 6);
        it.set(3, it.load(RECORD_HEAD));
        return it.go(it.load(RECORD_TAIL) === it.get(3) ? at + 2 : at + 4);
      },
    },
    {
      label: 'writes a record',
      run: (it) => {
        it.setNow(NEWS, it.now(NEWS) - 1);
        return it.store(RECORD, it.load(RECORD_TAIL) + 1, 'relaxed') && it.go(at + 3);
      },
    },
    {
      label: 'publishes it',
      run: (it) => it.store(RECORD_TAIL, it.load(RECORD_TAIL) + 1, tailOrder) && it.go(at + 1),
    },
    {
      label: 'stores backlog',
      run: (it) => it.store(BACKLOG, 1, order('backlogReleased', 'release')) && it.go(at + 5),
    },
    {
      label: 'loads the head again',
      run: (it) => it.go(it.load(RECORD_HEAD) === it.get(3) ? at + 6 : at + 1),
    },
    { label: 'loads idle', run: (it) => it.go(it.load(IDLE) === 1 ? at + 7 : at + 8) },
    {
      label: 'calls',
      run: (it) => {
        if (!it.isDrained) return false;
        if (it.now(IDLE) === 1) it.setNow(CALLS, it.now(CALLS) + 1);
        it.setNow(IDLE, 0);
        return it.go(at + 8);
      },
    },
    {
      label: 'unlocks',
      run: (it) => {
        if (!it.isDrained) return false;
        it.setNow(LOCK, 0);
        return it.go(then);
      },
    },
  ];
  return new Machine({
    memory: [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    programs: [
      {
        name: 'thread',
        instructions: [
          {
            label: 'has news',
            optional: true,
            run: (it) => {
              if (it.now(ARRIVED) === most || !it.isDrained || it.now(LOCK) === 1) return false;
              it.setNow(ARRIVED, it.now(ARRIVED) + 1);
              it.setNow(NEWS, it.now(NEWS) + 1);
              return it.go(1);
            },
          },
          ...push(1, 0),
        ],
      },
      {
        name: 'js',
        instructions: [
          {
            label: 'is called',
            run: (js) => {
              if (js.now(CALLS) === 0) return false;
              js.setNow(CALLS, js.now(CALLS) - 1);
              return js.go(1);
            },
          },
          {
            label: 'loads the tail',
            run: (js) => js.go(js.load(RECORD_TAIL) > js.get(0) ? 2 : 7),
          },
          {
            label: 'reads a record',
            run: (js) => {
              if (js.load(RECORD) !== js.get(0) + 1) js.setNow(LOST, 1);
              js.set(0, js.get(0) + 1);
              js.setNow(GOT, js.get(0));
              return js.go(3);
            },
          },
          {
            label: 'stores the head',
            run: (js) =>
              js.store(RECORD_HEAD, js.get(0), order('headReleased', 'release')) && js.go(4),
          },
          { label: 'loads backlog', run: (js) => js.go(js.load(BACKLOG) === 1 ? 5 : 1) },
          {
            label: 'takes the backlog',
            run: (js) => {
              if (!js.isDrained || js.now(LOCK) === 1) return false;
              js.setNow(BACKLOG, 0);
              return js.go(9);
            },
          },
          { label: 'never comes here', run: () => false },
          {
            label: 'stores idle',
            run: (js) => js.store(IDLE, 1, order('idleReleased', 'release')) && js.go(8),
          },
          {
            label: 'loads the tail again',
            run: (js) => js.go(js.load(RECORD_TAIL) > js.get(0) ? 1 : 0),
          },
          ...push(9, 1),
        ],
      },
    ],
    broken: (read) => (read(LOST) === 1 ? 'a record was read that is another' : undefined),
    settled: (read, [thread, js]) =>
      thread === 0 && js === 0 && read(CALLS) === 0 && read(ARRIVED) === read(GOT),
  });
}

// ---- who waits for room ---------------------------------------------------------------------------------

const WAITING = 0;
const DRAIN_AT = 1;
const TOLD = 2;
const NEEDS = 3;

/** JavaScript sees that a send waits, and asks for the drain while the kernel takes it. */
export function drain(weakened?: Weakening): Machine {
  const order = orders(weakened);
  return new Machine({
    memory: [1, 0, 0, 0],
    programs: [
      {
        name: 'thread',
        instructions: [
          {
            label: 'stores that nothing waits',
            run: (it) => it.store(WAITING, 0, order('waitingReleased', 'release')) && it.go(1),
          },
          {
            label: 'loads drain_at',
            run: (it) => {
              if (it.load(DRAIN_AT) === 1) it.setNow(TOLD, 1);
              return it.go(2);
            },
          },
        ],
      },
      {
        name: 'js',
        instructions: [
          { label: 'loads waiting', run: (js) => js.go(js.load(WAITING) === 1 ? 1 : 3) },
          {
            label: 'stores drain_at',
            run: (js) => js.store(DRAIN_AT, 1, order('drainAtReleased', 'release')) && js.go(2),
          },
          {
            label: 'loads waiting again',
            run: (js) => {
              js.setNow(NEEDS, js.load(WAITING));
              return js.go(3);
            },
          },
        ],
      },
    ],
    broken: () => undefined,
    settled: (read, [thread, js]) =>
      thread === 2 && js === 3 && (read(NEEDS) === 0 || read(TOLD) === 1),
  });
}
