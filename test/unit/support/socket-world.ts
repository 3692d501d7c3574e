import fc from 'fast-check';
import { expect } from 'vitest';
import { KIND_COPIED, KIND_ZEROCOPY } from '../../../lib/addon/addon.js';
import { BufferPool } from '../../../lib/buffers/buffer-pool.js';
import type { PooledBuffer } from '../../../lib/buffers/pooled-buffer.js';
import { coreOf, type ZeroCopySocket } from '../../../lib/engine/socket.js';
import { TcpSocket } from '../../../lib/sockets/tcp.js';
import { fake } from './fake-native.js';

/** Buffers of the pool. */
export const COUNT = 6;
/** Refusals that change nothing. */
export const REFUSALS = ['ENOMEM', 'ERR_ZEROSEND_QUEUE_FULL', 'ERR_ZEROSEND_SOCKET_CLOSED'];

/** A socket, and what the model knows of it. */
export class Subject {
  readonly kernel;
  readonly firstId: number;
  /** ids sent, and not told of yet */
  readonly untold = new Map<number, PooledBuffer | null>();
  drains = 0;
  errors = 0;
  broken = false;
  closed = false;

  constructor(
    readonly socket: ZeroCopySocket,
    readonly world: World,
  ) {
    this.kernel = fake.socket(coreOf(socket).state.handle);
    this.firstId = socket.nextId;
    socket.on('complete', ({ first, last, how }) =>
      world.guard(() => {
        expect(this.closed).toBe(false);
        for (let id = first; id <= last; id++) {
          if (!this.untold.delete(id)) throw new Error(`id ${id} was told twice, or never sent`);
        }
        world.told(how, last - first + 1);
        world.listener(this);
      }),
    );
    socket.on('drain', () =>
      world.guard(() => {
        this.drains++;
        expect(socket.needDrain).toBe(false);
        expect(this.kernel.queue).toEqual([]);
      }),
    );
    socket.on('error', () =>
      world.guard(() => {
        expect(this.closed).toBe(false);
        expect(this.untold.size).toBe(0);
        this.errors++;
      }),
    );
    socket.on('close', (report) =>
      world.guard(() => {
        expect(this.closed).toBe(false);
        expect(this.errors).toBe(this.broken ? 1 : 0);
        this.closed = true;
        expect(this.untold.size).toBe(0);
        expect(report.ids).toBe(socket.nextId - this.firstId);
      }),
    );
  }
}

/** A pool, its sockets, and who must have which buffer. */
export class World {
  readonly pool = new BufferPool({ bufferSize: 4096, count: COUNT });
  /** leases that the user holds */
  readonly leases = new Map<PooledBuffer, number>();
  readonly counts: Record<string, number> = {};
  readonly problems: unknown[] = [];
  subjects: Subject[] = [];
  depth = 0;
  /** what the next listeners do */
  script: Step[] = [];

  /** What a listener throws would only be reported later. */
  guard(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.problems.push(error);
    }
  }

  told(how: string, ids: number): void {
    this.counts[how] = (this.counts[how] ?? 0) + ids;
  }

  /** Within a complete event: one step of the script, now and then. */
  listener(subject: Subject): void {
    if (this.depth > 2) return;
    const step = this.script.pop();
    if (step === undefined) return;
    this.depth++;
    this.act(step, subject);
    this.depth--;
  }

  act([action, pick, size]: Step, by?: Subject): void {
    const subject = by ?? (this.subjects[pick % this.subjects.length] as Subject);
    const { socket, kernel, untold } = subject;
    switch (action) {
      case 'acquire': {
        const buffer = this.pool.tryAcquire();
        if (buffer === null) return;
        expect(this.leases.has(buffer)).toBe(false); // nobody else has it
        this.leases.set(buffer, 1);
        return;
      }
      case 'retain':
      case 'release': {
        const held = [...this.leases.keys()];
        const buffer = held[pick % held.length];
        if (buffer === undefined) return;
        if (action === 'retain') buffer.retain(1);
        else buffer.release();
        this.#lease(buffer, action === 'retain' ? 1 : -1);
        return;
      }
      case 'send': {
        const held = [...this.leases.keys()];
        const buffer = held[pick % held.length];
        if (buffer === undefined) return;
        this.#try([buffer], () => {
          const id = socket.send(buffer, size % 2 === 0 ? 100 : 2000); // inline or not
          untold.set(id, buffer);
          this.#lease(buffer, -1);
        });
        return;
      }
      case 'plain':
        this.#try([], () => void untold.set(socket.send(new Uint8Array(1 + size)), null));
        return;
      case 'many': {
        const buffers = [...this.leases.keys()].slice(0, 1 + (size % 2)); // never more than may wait
        if (buffers.length === 0) return;
        this.#try(buffers, () => {
          const { first, last } = socket.sendMany(buffers, 2000);
          expect(last - first + 1).toBe(buffers.length);
          for (const [i, buffer] of buffers.entries()) {
            untold.set(first + i, buffer);
            this.#lease(buffer, -1);
          }
        });
        return;
      }
      case 'finish': {
        const ids = [...kernel.withKernel];
        const from = pick % Math.max(1, ids.length);
        for (const id of ids.slice(from, from + 1 + (size % 4))) {
          kernel.finish(id, id, pick % 3 === 0 ? KIND_COPIED : KIND_ZEROCOPY);
        }
        return;
      }
      case 'room':
        kernel.room = size % 4;
        return;
      case 'refuse':
        kernel.refusals.push(12);
        return;
      case 'break':
        // A connection that has been given up reports no error.
        if (pick % 8 !== 1 || !(socket instanceof TcpSocket) || kernel.closing) return;
        subject.broken = true;
        kernel.break(104);
        return;
      case 'poll':
        socket.poll();
        return;
      case 'refill':
        this.act(['plain', pick, size], by);
        this.act(['finish', 0, size], by);
        socket.poll();
        return;
      case 'close':
        void socket.close({ timeout: 60_000 });
        return;
      case 'abort':
        void socket.abort();
        return;
      case 'wake':
        if (this.depth === 0) fake.wake();
        return;
      case 'listen':
        this.script.push([LISTENER_ACTIONS[size % LISTENER_ACTIONS.length] as Action, pick, size]);
    }
  }

  #lease(buffer: PooledBuffer, change: number): void {
    const left = (this.leases.get(buffer) as number) + change;
    if (left === 0) this.leases.delete(buffer);
    else this.leases.set(buffer, left);
  }

  /** A send that may be refused, and then changes nothing: check() compares. */
  #try(buffers: readonly PooledBuffer[], send: () => void): void {
    try {
      send();
    } catch (error) {
      const { code } = error as { code: string };
      // Within the send its listeners have sent or released the buffer themselves.
      const gone =
        code.startsWith('ERR_ZEROSEND_BUFFER_') && !buffers.every((b) => this.leases.has(b));
      if (!gone && !REFUSALS.includes(code)) throw error;
      this.told(code, 1);
    }
  }

  check(): void {
    if (this.problems.length > 0) throw this.problems[0];
    let sent = new Set<PooledBuffer>();
    for (const { socket, untold, kernel } of this.subjects) {
      expect(socket.nextId).toBe(kernel.nextId);
      // In flight is what is untold, but for what a listener has caused: that is told of later.
      expect(socket.inFlight).toBeLessThanOrEqual(untold.size);
      const left = coreOf(socket).completions.untold;
      if (left === 0) expect(socket.inFlight).toBe(untold.size);
      else this.told('left', left);
      const news = kernel.hasNews || left > 0;
      const waits = kernel.queue.length > 0 || news || kernel.closing || kernel.failed;
      if (!waits) expect(socket.needDrain).toBe(false);
      sent = new Set([...sent, ...[...untold.values()].filter((b) => b !== null)]);
    }
    if (this.subjects.some(({ socket }) => coreOf(socket).completions.untold > 0)) {
      expect(this.pool.acquired).toBe(this.leases.size);
      return;
    }
    const inFlight = [...sent].filter((buffer) => !this.leases.has(buffer)).length;
    const acquired = this.leases.size;
    const { free } = this.pool;
    expect({ acquired: this.pool.acquired, inFlight: this.pool.inFlight, free }).toEqual({
      acquired,
      inFlight,
      free: COUNT - acquired - inFlight,
    });
  }
}

const ACTIONS = [
  'acquire',
  'acquire',
  'retain',
  'release',
  'send',
  'send',
  'plain',
  'many',
  'finish',
  'finish',
  'room',
  'room',
  'refuse',
  'break',
  'poll',
  'wake',
  'listen',
  'listen',
] as const;
const LISTENER_ACTIONS = [
  'refill',
  'send',
  'plain',
  'acquire',
  'poll',
  'many',
  'finish',
  'release',
  'close',
  'abort',
] as const;
type Action = (typeof ACTIONS)[number] | (typeof LISTENER_ACTIONS)[number];
/** What to do, to which of several, and how much. */
export type Step = [Action, number, number];

/** A step, or null: a turn of the event loop. */
export const step: fc.Arbitrary<Step | null> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constantFrom(...ACTIONS), fc.nat(99), fc.nat(20)) },
  { weight: 3, arbitrary: fc.constant(null) },
);
