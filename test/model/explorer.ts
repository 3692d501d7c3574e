/** A step that a thread can take in some state. */
export interface Step {
  /** what happens, naming the method that it stands for */
  label: string;
  /** It is somebody's choice to take it, so nobody may rely on it. */
  optional: boolean;
  next: Uint8Array;
}

export interface Model {
  initial(): Uint8Array;
  /** All steps that are possible in a state; none of them changes it. */
  steps(state: Uint8Array): Step[];
  /** What is wrong with a state, if anything is. */
  broken(state: Uint8Array): string | undefined;
  /** Nothing is left to be done. */
  settled(state: Uint8Array): boolean;
}

export interface Violation {
  what: string;
  /** the labels of a shortest way there */
  trace: string[];
}

export interface Exploration {
  states: number;
  steps: number;
  violation: Violation | undefined;
}

/**
 * Visits every reachable state, breadth first, and stops at the first that is broken, or in which
 * nothing but optional steps is possible and yet something is left to be done. Then it checks that
 * from every state the rest can still be done without optional steps, so that no thread goes round
 * in circles for ever.
 */
export function explore(model: Model): Exploration {
  const known = new Map<string, number>();
  const states: Uint8Array[] = [];
  const cameFrom: number[] = [];
  const cameBy: string[] = [];
  const edgesFrom: number[] = [];
  const edgesTo: number[] = [];
  let taken = 0;

  const visit = (state: Uint8Array, from: number, label: string): number => {
    const key = Buffer.from(state.buffer, state.byteOffset, state.length).toString('latin1');
    const before = known.get(key);
    if (before !== undefined) return before;
    known.set(key, states.length);
    states.push(state);
    cameFrom.push(from);
    cameBy.push(label);
    return states.length - 1;
  };
  const result = (what?: string, at = 0): Exploration => {
    const trace: string[] = [];
    for (let state = at; state > 0; state = cameFrom[state] as number) {
      trace.unshift(cameBy[state] as string);
    }
    return {
      states: states.length,
      steps: taken,
      violation: what === undefined ? undefined : { what, trace },
    };
  };

  visit(model.initial(), -1, '');
  for (let at = 0; at < states.length; at++) {
    const state = states[at] as Uint8Array;
    const what = model.broken(state);
    if (what !== undefined) return result(what, at);
    let goesOn = false;
    for (const { label, optional, next } of model.steps(state)) {
      taken++;
      const to = visit(next, at, label);
      if (optional) continue;
      goesOn = true;
      edgesFrom.push(at);
      edgesTo.push(to);
    }
    if (!goesOn && !model.settled(state)) return result('everybody waits', at);
  }

  const stuck = firstThatCannotSettle(states, edgesFrom, edgesTo, model);
  return stuck < 0 ? result() : result('it goes round in circles', stuck);
}

/** The first state from which no settled one can be reached over the edges, or -1. */
function firstThatCannotSettle(
  states: Uint8Array[],
  edgesFrom: number[],
  edgesTo: number[],
  model: Model,
): number {
  // The edges by their ends, as one array with the start of each state's part.
  const start = new Int32Array(states.length + 1);
  for (const to of edgesTo) start[to + 1] = (start[to + 1] as number) + 1;
  for (let i = 0; i < states.length; i++) {
    start[i + 1] = (start[i + 1] as number) + (start[i] as number);
  }
  const fill = start.slice();
  const sources = new Int32Array(edgesTo.length);
  for (let edge = 0; edge < edgesTo.length; edge++) {
    const to = edgesTo[edge] as number;
    const place = fill[to] as number;
    fill[to] = place + 1;
    sources[place] = edgesFrom[edge] as number;
  }
  const can = new Uint8Array(states.length);
  const left: number[] = [];
  for (let i = 0; i < states.length; i++) {
    if (!model.settled(states[i] as Uint8Array)) continue;
    can[i] = 1;
    left.push(i);
  }
  for (let to = left.pop(); to !== undefined; to = left.pop()) {
    for (let edge = start[to] as number; edge < (start[to + 1] as number); edge++) {
      const from = sources[edge] as number;
      if (can[from] === 1) continue;
      can[from] = 1;
      left.push(from);
    }
  }
  return can.indexOf(0);
}
