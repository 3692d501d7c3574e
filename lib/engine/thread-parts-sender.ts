import { REFUSED_CLOSED } from '../addon/addon.js';
import type { Reactee } from '../addon/reactee.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import type { Part } from '../buffers/parts.js';
import type { Lines } from './lines.js';
import { PartsSender } from './parts-sender.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { refusal } from './refusals.js';
import type { SocketState } from './state.js';

/** Sends that have memory in several places are handed over within the call, behind what is published. */
export class ThreadPartsSender extends PartsSender {
  readonly #state: SocketState;
  readonly #lines: Lines;

  constructor(
    state: SocketState,
    reactee: Reactee,
    pools: PoolsInFlight,
    ownPool: BufferPool | null,
    lines: Lines,
  ) {
    super(state, reactee, pools, ownPool);
    this.#state = state;
    this.#lines = lines;
  }

  override send(
    given: readonly unknown[],
    lengths: unknown,
    flags: number,
    aim?: () => void,
  ): number {
    this.#assertOpen(flags);
    return this.#lines.behind(() => super.send(given, lengths, flags, aim));
  }

  override frames(parts: readonly Part[], total: number): number {
    this.#assertOpen(0);
    return this.#lines.behind(() => super.frames(parts, total));
  }

  #assertOpen(flags: number): void {
    if (this.#state.phase !== 'open') throw refusal(this.#state, REFUSED_CLOSED, 0, flags);
  }
}
