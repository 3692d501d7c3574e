import {
  type BufferPool,
  type BufferRun,
  PoolShare,
  type UdpDestination,
  type UdpSocket,
} from '../../index.js';
import { LaidSlots } from '../runs/laid-slots.js';
import type { TemplateCount } from '../runs/mix.js';
import type { Running } from './stream.js';
import type { Content, Outlet } from './stream-options.js';

const MOST = 1024;

/** What has become of packets that were to be sent. */
export interface Departed {
  /** so many of the first are done with: sent, or refused */
  done: number;
  /** bytes of each of them; 0 of one that was refused */
  readonly lengths: Uint32Array;
  /** the id of each that was sent */
  readonly ids: Float64Array;
  /** where each is to be counted */
  readonly counts: TemplateCount[];
  /** why some were refused, in their order */
  refusals: { error: unknown; from: number; packets: number }[];
}

/** Makes packets of many templates in the buffers of a pool. */
class Maker {
  /** null of a share of a pool: others write to its buffers as well, so each packet is laid anew */
  readonly #slots: LaidSlots | null;

  constructor({ pool }: Outlet) {
    this.#slots = pool instanceof PoolShare ? null : new LaidSlots(pool.bufferSize);
    this.#slots?.growTo((pool as BufferPool).count);
  }

  /** Which template the packet that was made last is of. */
  kind = 0;

  /** Makes the next packet of a stream, of that content, in buffer `i` of a run; returns its length. */
  make(
    stream: Running,
    { mix, write, sequence: only }: Content,
    run: BufferRun,
    i: number,
  ): number {
    this.kind = mix === null ? 0 : mix.next();
    const sequence = mix === null ? only : mix.parts[this.kind];
    const number = stream.next++;
    if (!sequence) {
      this.#slots?.forget(run.first + i, 1);
      return (write as NonNullable<typeof write>)(run.bytes(i), number);
    }
    const { memory } = run;
    const place = run.offset + i * run.stride;
    if (this.#slots === null) sequence.init(run.bytes(i));
    else this.#slots.lay(run.first + i, sequence, memory, place);
    return sequence._stampAt(memory, run.view, place);
  }
}

/** Makes packets of several streams and sends them: runs of buffers, each handed over by one call. */
export class Departures {
  readonly #outlet: Outlet;
  readonly #maker: Maker;
  /** where each packet goes, of a socket without a remote */
  readonly #to: UdpDestination[] = [];
  /** what `write` of streams has returned, which may be anything */
  readonly #given: number[] = [];
  /** packets by one call: fewer where the socket would let fewer wait (`maxQueuedSends`) */
  #most = MOST;
  readonly #departed: Departed = {
    done: 0,
    lengths: new Uint32Array(MOST),
    ids: new Float64Array(MOST),
    counts: [],
    refusals: [],
  };

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
    this.#maker = new Maker(outlet);
  }

  /**
   * Sends packets, each the next of its stream, the first of so many that there are buffers for. The same
   * object is returned each time.
   * @throws what `write` of a stream throws; then none of them was sent
   */
  send(streams: readonly (Running | null)[], most: number): Departed {
    const departed = this.#departed;
    departed.done = 0;
    if (departed.refusals.length > 0) departed.refusals = [];
    const run = this.#outlet.pool.tryAcquireRun(Math.min(most, this.#most));
    if (run === null) return departed;
    this.#make(run, streams);
    departed.done = run.count;
    this.#handOver(run, 0);
    return departed;
  }

  #make(run: BufferRun, streams: readonly (Running | null)[]): void {
    const { count } = run;
    const aimed = this.#outlet.family !== null;
    const given = this.#given;
    const to = this.#to;
    const { counts } = this.#departed;
    given.length = count;
    if (aimed) to.length = count;
    try {
      for (let i = 0; i < count; i++) {
        const stream = streams[i] as Running;
        const { content } = stream; // `write` may replace it
        given[i] = this.#maker.make(stream, content, run, i);
        counts[i] = content.counts[this.#maker.kind] as TemplateCount;
        if (aimed) to[i] = stream.options.to as UdpDestination;
      }
    } catch (error) {
      run.release();
      throw error;
    }
  }

  /**
   * All of a run are sent or none. So where one of them is refused, those before it and those behind it are
   * sent without it.
   * @param from which of the packets is the first of the run
   */
  #handOver(run: BufferRun, from: number): void {
    for (let rest: BufferRun | null = run; rest !== null; ) {
      const count: number = rest.count;
      try {
        this.#note(from, count, this.#sendRun(rest, from, count));
        return;
      } catch (error) {
        const { index, code } = error as { index?: number; code?: string };
        if (index === undefined && code === 'ERR_ZEROSEND_OUT_OF_RANGE' && count > 1) {
          const most = count >> 1;
          this.#most = most;
          const others = rest.split(most);
          this.#handOver(rest, from);
          rest = others;
          from += most;
          continue;
        }
        if (index === undefined) {
          this.#refuse(rest, from, error);
          return;
        }
        const behind: BufferRun | null = index + 1 < count ? rest.split(index + 1) : null;
        const refused = index > 0 ? rest.split(index) : rest;
        if (index > 0) this.#handOver(rest, from);
        this.#refuse(refused, from + index, error);
        rest = behind;
        from += index + 1;
      }
    }
  }

  /** @returns the id of the first */
  #sendRun(run: BufferRun, from: number, count: number): number {
    const { socket, family } = this.#outlet;
    const all = from === 0 && count === this.#given.length;
    const lengths = all ? this.#given : this.#given.slice(from, from + count);
    if (family === null) return socket.sendMany(run, lengths).first;
    const to = all ? this.#to : this.#to.slice(from, from + count);
    return (socket as UdpSocket).sendMany(run, lengths, to).first;
  }

  #note(from: number, count: number, first: number): void {
    const { lengths, ids } = this.#departed;
    for (let i = 0; i < count; i++) {
      lengths[from + i] = this.#given[from + i] as number;
      ids[from + i] = first + i;
    }
  }

  #refuse(run: BufferRun, from: number, error: unknown): void {
    const { count: packets } = run;
    run.release();
    this.#departed.lengths.fill(0, from, from + packets);
    this.#departed.refusals.push({ error, from, packets });
  }
}
