import type { PooledBuffer, UdpSocket } from '../../index.js';
import type { PacketSequence } from '../fields/sequence.js';
import type { Running } from './stream.js';
import type { Outlet } from './stream-options.js';

/** What has become of packets that were to be sent. */
export interface Departed {
  /** so many of the first were sent, and so many behind them were refused */
  sent: number;
  refused: number;
  /** why */
  error: unknown;
  /** the id of the first; those of the others follow */
  first: number;
  /** bytes of each packet */
  readonly lengths: Uint32Array;
}

const MOST = 1024;
const departed = (): Departed => ({
  sent: 0,
  refused: 0,
  error: null,
  first: 0,
  lengths: new Uint32Array(MOST),
});

/** Makes packets of several streams and sends them. The same object is returned each time. */
export interface Departures {
  /**
   * Sends packets, each the next of its stream, the first of so many that there are buffers for.
   * @throws what `write` of a stream throws; then none of them was sent
   */
  send(streams: readonly (Running | null)[], count: number): Departed;
}

export function departuresFor(outlet: Outlet): Departures {
  return outlet.anywhere ? new ToEach(outlet) : new InRuns(outlet);
}

/**
 * Makes packets of many templates in the buffers of a pool. A buffer that has held a packet of another one
 * is laid anew: what of it is not 0 is written, and the zeros behind it are left.
 */
class Maker {
  readonly #holds: (PacketSequence | null)[];
  /** of each slot: from where on it holds zeros */
  readonly #zeros: Uint32Array;

  constructor({ pool }: Outlet) {
    this.#holds = new Array(pool.count).fill(null);
    this.#zeros = new Uint32Array(pool.count).fill(pool.bufferSize);
  }

  /** Makes the next packet of a stream in a slot; returns its length. */
  make(stream: Running, slot: number, bytes: Buffer): number {
    const { sequence, write } = stream.content;
    const number = stream.next++;
    if (sequence === null) {
      this.#holds[slot] = null;
      this.#zeros[slot] = bytes.length;
      return (write as NonNullable<typeof write>)(bytes, number);
    }
    if (this.#holds[slot] !== sequence) {
      const laid = sequence._laid;
      bytes.set(laid);
      const zeros = this.#zeros[slot] as number;
      if (zeros > laid.length) bytes.fill(0, laid.length, zeros);
      this.#zeros[slot] = laid.length;
      this.#holds[slot] = sequence;
    }
    return sequence.stamp(bytes);
  }
}

/** To where the socket sends: runs of buffers, each handed over by one call. */
class InRuns implements Departures {
  readonly #outlet: Outlet;
  readonly #maker: Maker;
  readonly #departed = departed();

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
    this.#maker = new Maker(outlet);
  }

  send(streams: readonly (Running | null)[], most: number): Departed {
    const { socket, pool } = this.#outlet;
    const departed = this.#departed;
    departed.sent = departed.refused = 0;
    const run = pool.tryAcquireRun(most);
    if (run === null) return departed;
    const { count } = run;
    const { lengths } = departed;
    try {
      for (let i = 0; i < count; i++) {
        lengths[i] = this.#maker.make(streams[i] as Running, run.first + i, run.bytes(i));
      }
    } catch (error) {
      run[Symbol.dispose]();
      throw error;
    }
    try {
      departed.first = socket.sendMany(run, lengths.subarray(0, count)).first;
      departed.sent = count;
    } catch (error) {
      run[Symbol.dispose]();
      departed.refused = count;
      departed.error = error;
    }
    return departed;
  }
}

/** Each to the destination of its stream, one by one. */
class ToEach implements Departures {
  readonly #outlet: Outlet;
  readonly #maker: Maker;
  readonly #departed = departed();

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
    this.#maker = new Maker(outlet);
  }

  send(streams: readonly (Running | null)[], most: number): Departed {
    const { pool, socket } = this.#outlet;
    const departed = this.#departed;
    departed.sent = departed.refused = 0;
    while (departed.sent < most && !socket.needDrain) {
      const stream = streams[departed.sent] as Running;
      const buffer = pool.tryAcquire();
      if (buffer === null) break;
      const length = this.#make(stream, buffer);
      departed.lengths[departed.sent] = length;
      try {
        const to = stream.options.to as { address: string; port: number };
        const id = (socket as UdpSocket).sendTo(buffer, length, to);
        if (departed.sent === 0) departed.first = id;
      } catch (error) {
        buffer[Symbol.dispose]();
        departed.refused = 1;
        departed.error = error;
        break;
      }
      departed.sent++;
    }
    return departed;
  }

  #make(stream: Running, buffer: PooledBuffer): number {
    try {
      return this.#maker.make(stream, buffer.index, buffer.bytes as Buffer);
    } catch (error) {
      buffer.release();
      throw error;
    }
  }
}
