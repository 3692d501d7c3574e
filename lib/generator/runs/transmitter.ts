import {
  type BufferPool,
  type BufferRun,
  PacketSocket,
  type PooledBuffer,
  PoolShare,
  XdpSocket,
  type ZeroCopySocket,
} from '../../index.js';
import type { PacketSequence } from '../fields/sequence.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { MixedRuns } from './mixed-runs.js';

/**
 * Fills the buffers of a run with packets. It has to fill all of them before it returns.
 * @param run the buffers, to be written to as those of any run, and not to be sent or released
 * @param first the number of the first packet, from 0
 * @returns the bytes of each packet, or of all
 */
export type Fill = (run: BufferRun, first: number) => number | ArrayLike<number>;

/** What the socket has accepted. */
export interface Transmitted {
  packets: number;
  /** of these packets, without offload headers */
  bytes: number;
  sends: number;
  /** why the socket has taken nothing of what it was given */
  refusal: Refusal | null;
}

/** What a socket has refused: the packets of one call. */
export interface Refusal {
  error: unknown;
  packets: number;
}

const nothing = (): Transmitted => ({ packets: 0, bytes: 0, sends: 0, refusal: null });

/** Acquires buffers, makes packets in them, and sends them. */
export interface Transmitter {
  /**
   * Sends what there are buffers for, at most so many packets and at most a batch. The same object
   * each time.
   */
  send(most: number): Transmitted;
}

export interface TransmitterOptions {
  socket: ZeroCopySocket;
  pool: BufferPool | PoolShare;
  packets: PacketSequence | MixedRuns | Fill;
  /** of a packet, without the offload header; where they differ, the mean */
  packetBytes: number;
  /** packets in a buffer */
  train: number;
  /** buffers handed over at once */
  batch: number;
}

/** Runs of frames for a ring, as they cost one call each; single buffers for any other socket. */
export function transmitterFor(options: TransmitterOptions): Transmitter {
  const { socket, packets } = options;
  if (typeof packets === 'function') return new FillTransmitter(packets, options);
  if (packets instanceof MixedRuns) return new MixTransmitter(packets, options);
  return socket instanceof PacketSocket || socket instanceof XdpSocket
    ? new RunTransmitter(socket, { ...options, packets })
    : new TrainTransmitter({ ...options, packets });
}

type OfOneTemplate = TransmitterOptions & { packets: PacketSequence };

/** Sends packets of several templates as runs. */
class MixTransmitter implements Transmitter {
  readonly #mix: MixedRuns;
  readonly #options: TransmitterOptions;
  readonly #transmitted = nothing();

  constructor(mix: MixedRuns, options: TransmitterOptions) {
    this.#mix = mix;
    this.#options = options;
  }

  send(most: number): Transmitted {
    const { socket, pool, batch } = this.#options;
    const transmitted = this.#transmitted;
    const run = pool.tryAcquireRun(Math.min(most, batch));
    transmitted.packets = transmitted.bytes = transmitted.sends = 0;
    transmitted.refusal = null;
    if (run !== null && pool instanceof PoolShare) this.#mix.forget(run);
    if (run !== null && handOver(socket, run, this.#mix.stampRun(run), transmitted)) {
      transmitted.bytes = this.#mix.sent();
    }
    return transmitted;
  }
}

/**
 * Sends a run, or gives its buffers back where that is refused. Counts its packets, but not their bytes;
 * `transmitted` says nothing before.
 * @returns whether it was sent
 */
function handOver(
  socket: ZeroCopySocket,
  run: BufferRun,
  lengths: number | ArrayLike<number>,
  transmitted: Transmitted,
): boolean {
  const { count } = run;
  try {
    socket.sendMany(run, lengths);
  } catch (error) {
    run[Symbol.dispose]();
    transmitted.refusal = { error, packets: count };
    return false;
  }
  transmitted.packets = transmitted.sends = count;
  return true;
}

/** Sends runs that a function of the user's fills. */
class FillTransmitter implements Transmitter {
  readonly #fill: Fill;
  readonly #options: TransmitterOptions;
  readonly #header: number;
  readonly #transmitted = nothing();
  #first = 0;

  constructor(fill: Fill, options: TransmitterOptions) {
    this.#fill = fill;
    this.#options = options;
    this.#header = options.socket.info().virtioNetHeader === true ? OFFLOAD_HEADER : 0;
  }

  send(most: number): Transmitted {
    const { socket, pool, batch } = this.#options;
    const transmitted = this.#transmitted;
    transmitted.packets = transmitted.bytes = transmitted.sends = 0;
    transmitted.refusal = null;
    const run = pool.tryAcquireRun(Math.min(most, batch));
    if (run === null) return transmitted;
    const { count } = run;
    let lengths: number | ArrayLike<number>;
    try {
      lengths = this.#fill(run, this.#first);
    } catch (error) {
      run[Symbol.dispose]();
      throw error;
    }
    this.#first += count;
    if (handOver(socket, run, lengths, transmitted)) {
      transmitted.bytes = sumOf(lengths, count) - count * this.#header;
    }
    return transmitted;
  }
}

function sumOf(lengths: number | ArrayLike<number>, count: number): number {
  if (typeof lengths === 'number') return lengths * count;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += lengths[i] as number;
  return sum;
}

/** Sends frames of a ring as runs. */
class RunTransmitter implements Transmitter {
  readonly #socket: PacketSocket | XdpSocket;
  readonly #packets: PacketSequence;
  readonly #packetBytes: number;
  readonly #batch: number;
  /** the frames that hold the template */
  readonly #laid: Uint8Array;
  #unlaid: number;
  readonly #transmitted = nothing();

  constructor(socket: PacketSocket | XdpSocket, options: OfOneTemplate) {
    const { packets, packetBytes, batch } = options;
    this.#socket = socket;
    this.#packets = packets;
    this.#packetBytes = packetBytes;
    this.#batch = batch;
    this.#laid = new Uint8Array(socket.pool.count);
    this.#unlaid = socket.pool.count;
  }

  send(most: number): Transmitted {
    const transmitted = this.#transmitted;
    transmitted.packets = transmitted.bytes = transmitted.sends = 0;
    transmitted.refusal = null;
    const run = this.#socket.pool.tryAcquireRun(Math.min(most, this.#batch));
    if (run === null) return transmitted;
    if (this.#unlaid > 0) this.#lay(run);
    const { count } = run;
    const lengths = this.#packets.stampRun(run);
    if (handOver(this.#socket, run, lengths, transmitted)) {
      transmitted.bytes = bytesOf(lengths, count, this.#packetBytes, this.#packets);
    }
    return transmitted;
  }

  #lay(run: BufferRun): void {
    for (let i = 0; i < run.count; i++) {
      if (this.#laid[run.first + i] === 1) continue;
      this.#laid[run.first + i] = 1;
      this.#unlaid--;
      this.#packets.init(run.bytes(i));
    }
  }
}

/** Sends buffers one by one, each with a train of packets. */
class TrainTransmitter implements Transmitter {
  readonly #options: OfOneTemplate;
  /** the pool's buffers that hold the template; null of a share, since others write to them as well */
  readonly #laid: Uint8Array | null;
  readonly #batch: PooledBuffer[];
  readonly #transmitted = nothing();

  constructor(options: OfOneTemplate) {
    this.#options = options;
    const { pool } = options;
    this.#laid = pool instanceof PoolShare ? null : new Uint8Array(pool.count);
    this.#batch = new Array(options.batch);
  }

  send(most: number): Transmitted {
    const { packets, packetBytes, train } = this.#options;
    const transmitted = this.#transmitted;
    const held = this.#acquire(Math.ceil(most / train));
    const count = Math.min(most, held * train);
    transmitted.packets = count;
    transmitted.bytes = 0;
    transmitted.sends = held;
    transmitted.refusal = null;
    if (held === 0) return transmitted;
    const buffers = this.#batch;
    // Only the last train of a run can be shorter than the others.
    const whole = Math.floor(count / train);
    const lengths = packets.stampMany(buffers, whole, train);
    if (whole < held) packets.stampMany([buffers[whole] as PooledBuffer], 1, count % train);
    transmitted.bytes = bytesOf(lengths, count, packetBytes, packets);
    try {
      this.#hand(held, count, lengths);
    } catch (error) {
      for (let i = 0; i < held; i++) buffers[i]?.[Symbol.dispose]();
      transmitted.packets = transmitted.bytes = transmitted.sends = 0;
      transmitted.refusal = { error, packets: count };
    }
    return transmitted;
  }

  #acquire(most: number): number {
    const { pool, packets, train, batch } = this.#options;
    const wanted = Math.min(most, batch);
    const laid = this.#laid;
    let held = 0;
    while (held < wanted) {
      const buffer = pool.tryAcquire();
      if (buffer === null) break;
      if (laid === null || laid[buffer.index] === 0) {
        packets.layTrain(buffer.bytes, train);
        if (laid !== null) laid[buffer.index] = 1;
      }
      this.#batch[held++] = buffer;
    }
    return held;
  }

  /** @param each bytes of each buffer that is full, or of all of them */
  #hand(held: number, count: number, each: number | Uint32Array): void {
    const { socket, packets, train, batch } = this.#options;
    const rest = count % train;
    if (held === 1 && typeof each === 'number') {
      // As a paced run has it: a send by itself makes no list, and costs less.
      socket.send(this.#batch[0] as PooledBuffer, rest === 0 ? each : rest * packets.length);
      return;
    }
    const buffers = held === batch ? this.#batch : this.#batch.slice(0, held);
    const lengths = rest === 0 ? each : new Array<number>(held).fill(each as number);
    if (rest > 0) (lengths as number[])[held - 1] = rest * packets.length;
    socket.sendMany(buffers, lengths);
  }
}

/**
 * Bytes of packets without their offload headers.
 * @param lengths what `stampMany` or `stampRun` has returned
 * @param packetBytes of a packet, where all are alike
 */
function bytesOf(
  lengths: number | Uint32Array,
  count: number,
  packetBytes: number,
  { template }: PacketSequence,
): number {
  if (typeof lengths === 'number') return count * packetBytes;
  let bytes = template.offsets.offload < 0 ? 0 : -count * OFFLOAD_HEADER;
  for (let i = 0; i < count; i++) bytes += lengths[i] as number;
  return bytes;
}
