import { native } from '../addon/addon.js';
import { Cells, startSubmitter } from '../addon/submission.js';
import { systemError } from '../base/errors.js';
import { type Processors, readProcessors } from '../base/processors.js';
import type { InFlight } from './in-flight.js';
import type { SubmitInfo, SubmitStats } from './submit-mode.js';

/** For how long the submission thread looks for more before it sleeps, where it has a processor. */
const SPIN_MICROSECONDS = 50;

/** What is needed of a socket's state. */
interface Waiting {
  readonly handle: number;
  readonly firstId: number;
  readonly inFlight: InFlight;
  needDrain: boolean;
  waitForDrain(id: number): void;
}

let processors: Processors | null = null;

/** The thread runs with this. Throws where it cannot be started. */
function start(): Processors {
  if (processors !== null) return processors;
  const found = readProcessors();
  const failed = startSubmitter(spinFor(found) * 1000);
  if (failed !== null) throw systemError(failed.errno, failed.syscall);
  processors = found;
  return found;
}

function spinFor({ count }: Processors): number {
  return count > 1 ? SPIN_MICROSECONDS : 0;
}

/** How one socket is served by the submission thread. */
export class Submission {
  readonly cells: Cells;
  readonly #state: Waiting;
  readonly #processors: Processors;

  /**
   * Starts the thread, unless it runs, and has it serve the socket.
   * @throws the system's error of pthread_create(3)
   */
  constructor(state: Waiting) {
    this.#processors = start();
    this.#state = state;
    this.cells = new Cells(state.handle, state.firstId);
    this.cells.use();
  }

  /**
   * Looks whether sends wait for room, as `cells` say: then all that is published is what `drain` will be
   * about. Returns whether any wait.
   */
  noteWaiting(): boolean {
    const { cells } = this;
    const state = this.#state;
    if (!cells.waiting) return state.needDrain;
    const needed = state.needDrain;
    const { next } = state.inFlight;
    cells.askForDrain(next);
    state.waitForDrain(next - 1);
    if (cells.waiting) return true;
    // Asked for too late, nobody might tell.
    if (needed) native.handOver(state.handle);
    else state.needDrain = false;
    return needed;
  }

  /** Whether the thread, on a processor of its own, is handing sends over for which there is room. */
  isAtWork(): boolean {
    const { cells } = this;
    const { next } = this.#state.inFlight;
    return this.#processors.count > 1 && cells.unaccepted(next) > 0 && !cells.waiting;
  }

  info(): SubmitInfo {
    const { count, bound } = this.#processors;
    const why = bound === 'quota' ? 'the quota of its control group' : 'its affinity';
    return {
      granted: 'thread',
      reason:
        count > 1
          ? 'the option submit'
          : `the option submit; the thread does not spin, since ${why} leaves the process one processor`,
      processors: count,
      spin: spinFor(this.#processors),
    };
  }

  stats(): SubmitStats {
    const [depth, sleeps, wakes, spun] = native.submitterFigures(this.#state.handle);
    return { depth, sleeps, wakes, spun };
  }
}
