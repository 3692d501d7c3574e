// Sends over loopback to a receiver that checks every byte, in a process of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BufferPool, TcpSocket, UdpSocket, type ZeroCopySocket } from '../../index.js';
import { APART } from '../base/interrupt.js';
import { RepeatedPattern } from './checks.js';
import type { DemoOptions, Transport } from './options.js';
import { end, keep } from './processes.js';
import type { FromReceiver, ReceiverOptions, ReceiverReport } from './receiver-process.js';
import { failedResult, type Result, resultOf, snapshotOf, type Watcher } from './report.js';
import { Credit, Meter, mixedSizes, Run, type Sending, sendStream, sendTrains } from './sending.js';

const PROGRAM = fileURLToPath(new URL('receiver-process.js', import.meta.url));
const HOST = '127.0.0.1';
// ms to wait for the cause after the first sign that a receiver has failed
const CAUSE_KNOWN_WITHIN = 2000;

/** The receiver, as the sending process sees it. */
export class Receiver {
  readonly #child: ChildProcess;
  readonly #report: Promise<ReceiverReport>;
  #stopping = false;
  port = 0;
  /** How many datagrams the receiver has room for. */
  window = 0;
  /** UDP: called with the sequence number that it expects next. */
  onReceived: (next: number) => void = () => {};

  /** @param onFailure called when it ends unasked, or reports an error */
  private constructor(
    child: ChildProcess,
    onFailure: (error: Error) => void,
    onListening: () => void,
  ) {
    this.#child = child;
    this.#report = new Promise((resolve, reject) => {
      const fail = (message: string) => {
        const error = new Error(message);
        reject(error);
        onFailure(error);
      };
      child.on('message', (message: FromReceiver) => {
        if (message.type === 'received') this.onReceived(message.next);
        else if (message.type === 'report') resolve(message.report);
        else if (message.type === 'error') fail(message.message);
        else {
          this.port = message.port;
          this.window = message.window;
          onListening();
        }
      });
      child.on('error', (error) => fail(`receiver: ${error.message}`));
      child.on('exit', (code, signal) => {
        if (!this.#stopping) fail(`the receiver has ended by itself (${signal ?? `code ${code}`})`);
      });
    });
    this.#report.catch(() => {}); // `onFailure` was called with the error
  }

  /**
   * Resolves when it listens.
   * @param onFailure called when it ends unasked, or reports an error
   */
  static start(options: ReceiverOptions, onFailure: (error: Error) => void): Promise<Receiver> {
    return new Promise((resolve, reject) => {
      const child = keep(fork(PROGRAM, [JSON.stringify(options)], { execArgv: [], ...APART }));
      const failed = (error: Error) => {
        reject(error);
        onFailure(error);
      };
      const receiver: Receiver = new Receiver(child, failed, () => resolve(receiver));
    });
  }

  /** Says that everything has been sent, and resolves with the receiver's report. */
  async finish(sent: { datagrams: number }): Promise<ReceiverReport> {
    if (this.#child.connected) this.#child.send(sent);
    return this.#report;
  }

  /** The error with which the receiver failed, or null when it is not known within `ms`. */
  failure(ms: number): Promise<Error | null> {
    return Promise.race([
      this.#report.then(
        () => null,
        (error: Error) => error,
      ),
      sleep(ms, null, { ref: false }),
    ]);
  }

  /** Ends the receiver, whatever it is doing. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await end(this.#child);
  }
}

/** How one transport sends. */
interface Plan {
  readonly protocol: 'udp' | 'tcp';
  readonly bufferSize: number;
  readonly buffers: number;
  /** Bytes of a datagram; 0 for TCP. */
  readonly segment: number;
  /** Datagrams a send. */
  readonly train: number;
  /** Resolves with the number of datagrams. */
  send(sending: Sending, receiver: Receiver): Promise<number>;
}

export type LoopbackTransport = Exclude<Transport, 'sink'>;

function planOf(transport: LoopbackTransport, options: DemoOptions): Plan {
  const { buffers, seed, udpSize, segment, tcpSize, mixMin, mixMax } = options;
  if (transport === 'udp') {
    return {
      protocol: 'udp',
      bufferSize: udpSize,
      buffers,
      segment,
      train: Math.ceil(udpSize / segment),
      async send(sending, receiver) {
        const credit = new Credit(receiver.window);
        receiver.onReceived = (next) => credit.received(next);
        return sendTrains(sending, credit, { size: udpSize, segment });
      },
    };
  }
  const mixed = transport === 'tcp-mix';
  return {
    protocol: 'tcp',
    bufferSize: mixed ? mixMax : tcpSize,
    buffers: mixed ? Math.ceil(buffers / 4) : buffers,
    segment: 0,
    train: 0,
    async send(sending) {
      await sendStream(sending, mixed ? mixedSizes(seed, mixMin, mixMax) : () => tcpSize);
      return 0;
    },
  };
}

function openSocket({ protocol, segment, buffers }: Plan, port: number): Promise<ZeroCopySocket> {
  // 'always', so that completions show whether the kernel copied. At most as many sends as there
  // are buffers can wait for room.
  const common = { zeroCopy: 'always', maxQueuedSends: buffers } as const;
  return protocol === 'udp'
    ? UdpSocket.open({ ...common, remote: { address: HOST, port }, segmentSize: segment })
    : TcpSocket.connect({ ...common, host: HOST, port });
}

/** Runs one transport to its end; what goes wrong is in the result. Never rejects. */
export async function runLoopback(
  transport: LoopbackTransport,
  options: DemoOptions,
  watcher: Watcher,
): Promise<Result> {
  const plan = planOf(transport, options);
  const failure = new AbortController();
  const run = new Run({
    count: options.count,
    signal: AbortSignal.any([watcher.signal, failure.signal]),
  });
  const meter = new Meter();
  let socket: ZeroCopySocket | undefined;
  let pool: BufferPool | undefined;
  let receiver: Receiver | undefined;
  const fail = (error: Error) => {
    if (failure.signal.aborted) return;
    failure.abort(error);
    socket?.abort(); // completes every id, so that no promise stays pending
  };
  try {
    const { protocol, segment, train, bufferSize, buffers } = plan;
    const pattern = new RepeatedPattern(options.seed);
    receiver = await Receiver.start({ protocol, seed: options.seed, segment, train }, fail);
    const buffersOfRun = new BufferPool({ bufferSize, count: buffers });
    pool = buffersOfRun;
    socket = await openSocket(plan, receiver.port);
    socket.on('complete', meter.complete);
    socket.on('error', fail);
    watcher.watch(() => snapshotOf(run, meter, buffersOfRun));
    run.begin(options.seconds);
    const datagrams = await plan.send({ run, meter, pool, socket, pattern }, receiver);
    await socket.flush();
    run.pause();
    const closed = await socket.close();
    failure.signal.throwIfAborted();
    const received = await receiver.finish({ datagrams });
    await pool.close();
    return resultOf({ name: transport, meter, run, socket, pool, closed, received });
  } catch (error) {
    fail(error as Error);
    // When a receiver dies, the socket fails first, by a reset or a broken pipe. The death of the
    // receiver is the cause that should be reported.
    const cause = (await receiver?.failure(CAUSE_KNOWN_WITHIN)) ?? failure.signal.reason;
    const problem = (cause as Error).message;
    if (socket === undefined || pool === undefined) return failedResult(transport, problem);
    run.pause();
    const closed = await socket.abort();
    const result = resultOf({ name: transport, meter, run, socket, pool, closed, received: null });
    return { ...result, problems: [problem, ...result.problems] };
  } finally {
    await receiver?.stop();
  }
}
