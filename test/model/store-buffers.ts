import type { Model, Step } from './explorer.js';

/** How a store is ordered, as std::memory_order and `Atomics` have it. */
export type Order = 'relaxed' | 'release' | 'seq_cst';

/** One step of a thread. It answers false where the thread has to wait. */
export interface Instruction {
  label: string;
  /** somebody's choice */
  optional?: boolean;
  run(thread: Thread): boolean;
}

export interface Program {
  name: string;
  instructions: Instruction[];
}

const REGISTERS = 4;
const BUFFER = 4;
/** place, register, length of the buffer, and for each entry variable, value and whether it is a release */
const SIZE = 1 + REGISTERS + 1 + 3 * BUFFER;

/**
 * Several threads on memory that each sees by way of a store buffer of its own. What a thread stores waits
 * there, is seen by itself at once, and by the others when it leaves. Stores leave in any order, but those
 * to one variable keep theirs, and a release leaves behind all before it. That is weaker than x86, which
 * keeps all stores in order, and about what ARM does. A store that is sequentially consistent waits until
 * the buffer is empty, and is seen by all before the thread goes on.
 */
export class Machine implements Model {
  readonly #variables: number;
  readonly #programs: readonly Program[];
  readonly #broken: (read: (variable: number) => number) => string | undefined;
  readonly #settled: (read: (variable: number) => number, places: readonly number[]) => boolean;
  readonly #first: readonly number[];

  constructor(of: {
    /** the first values of all variables */
    memory: readonly number[];
    programs: readonly Program[];
    broken(read: (variable: number) => number): string | undefined;
    settled(read: (variable: number) => number, places: readonly number[]): boolean;
  }) {
    this.#first = of.memory;
    this.#variables = of.memory.length;
    this.#programs = of.programs;
    this.#broken = of.broken;
    this.#settled = of.settled;
  }

  initial(): Uint8Array {
    const state = new Uint8Array(this.#variables + this.#programs.length * SIZE);
    state.set(this.#first);
    return state;
  }

  steps(state: Uint8Array): Step[] {
    const steps: Step[] = [];
    for (const [at, { name, instructions }] of this.#programs.entries()) {
      const offset = this.#variables + at * SIZE;
      const instruction = instructions[state[offset] as number];
      const next = state.slice();
      if (instruction?.run(new Thread(next, offset))) {
        const { label, optional = false } = instruction;
        steps.push({ label: `${name}: ${label}`, optional, next });
      }
      this.#flushes(state, offset, name, steps);
    }
    return steps;
  }

  /** Any store that may leave its buffer now. */
  #flushes(state: Uint8Array, offset: number, name: string, steps: Step[]): void {
    const buffered = new Thread(state, offset).buffered;
    for (const [i, { variable, value, release }] of buffered.entries()) {
      if (release && i > 0) continue;
      if (buffered.slice(0, i).some((before) => before.variable === variable)) continue;
      const next = state.slice();
      next[variable] = value;
      new Thread(next, offset).dropBuffered(i);
      steps.push({ label: `${name}: its store to ${variable} is seen`, optional: false, next });
    }
  }

  broken(state: Uint8Array): string | undefined {
    return this.#broken((variable) => state[variable] as number);
  }

  settled(state: Uint8Array): boolean {
    const threads = this.#programs.map((_, at) => new Thread(state, this.#variables + at * SIZE));
    if (threads.some((thread) => thread.buffered.length > 0)) return false;
    return this.#settled(
      (variable) => state[variable] as number,
      threads.map((thread) => thread.place),
    );
  }
}

interface Buffered {
  variable: number;
  value: number;
  release: boolean;
}

/** A thread within a state, which its methods change. */
export class Thread {
  readonly #state: Uint8Array;
  readonly #offset: number;

  constructor(state: Uint8Array, offset: number) {
    this.#state = state;
    this.#offset = offset;
  }

  get place(): number {
    return this.#state[this.#offset] as number;
  }

  /** Goes on there; `true`, for the end of an instruction. */
  go(place: number): true {
    this.#state[this.#offset] = place;
    return true;
  }

  get(register: number): number {
    return this.#state[this.#offset + 1 + register] as number;
  }

  set(register: number, value: number): void {
    this.#state[this.#offset + 1 + register] = value;
  }

  load(variable: number): number {
    const own = this.buffered.reverse().find((entry) => entry.variable === variable);
    return own === undefined ? this.now(variable) : own.value;
  }

  /** Answers false, and has to be tried again, where the buffer must be empty first. */
  store(variable: number, value: number, order: Order): boolean {
    const { buffered } = this;
    if (order === 'seq_cst') {
      if (buffered.length > 0) return false;
      this.#state[variable] = value;
      return true;
    }
    if (buffered.length === BUFFER) return false;
    const at = this.#offset + 1 + REGISTERS;
    this.#state.set([variable, value, order === 'release' ? 1 : 0], at + 1 + 3 * buffered.length);
    this.#state[at] = buffered.length + 1;
    return true;
  }

  /** Whether it may read and write memory at once, as an exchange, a lock or the kernel does. */
  get isDrained(): boolean {
    return this.buffered.length === 0;
  }

  /** What all see. */
  now(variable: number): number {
    return this.#state[variable] as number;
  }

  setNow(variable: number, value: number): void {
    this.#state[variable] = value;
  }

  get buffered(): Buffered[] {
    const at = this.#offset + 1 + REGISTERS;
    return Array.from({ length: this.#state[at] as number }, (_, i) => ({
      variable: this.#state[at + 1 + 3 * i] as number,
      value: this.#state[at + 2 + 3 * i] as number,
      release: this.#state[at + 3 + 3 * i] === 1,
    }));
  }

  dropBuffered(index: number): void {
    const at = this.#offset + 1 + REGISTERS;
    const left = this.buffered.filter((_, i) => i !== index);
    this.#state.fill(0, at + 1, at + 1 + 3 * BUFFER);
    this.#state[at] = left.length;
    for (const [i, { variable, value, release }] of left.entries()) {
      this.#state.set([variable, value, release ? 1 : 0], at + 1 + 3 * i);
    }
  }
}
