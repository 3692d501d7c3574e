// @ts-check
// Sends to a receiver on the same machine, over loopback.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { RepeatedPattern } from '../../rig/repeated-pattern.mjs';
import { Credit } from './credit.mjs';
import { Meter } from './meter.mjs';
import { Receiver } from './receivers.mjs';
import { failedResult, resultOf, snapshotOf } from './result.mjs';
import { Run } from './run.mjs';
import { mixedSizes, sendStream, sendTrains } from './senders.mjs';

const HOST = '127.0.0.1';
const CAUSE_KNOWN_WITHIN = 2000; // ms from the first sign that a receiver has failed

/** @typedef {import('./options.mjs').DemoOptions} DemoOptions */

/**
 * @typedef {object} Plan how one transport sends
 * @property {'udp' | 'tcp'} protocol
 * @property {number} bufferSize bytes
 * @property {number} buffers
 * @property {number} segment bytes of a datagram; 0 for TCP
 * @property {number} train datagrams a send
 * @property {(sending: import('./senders.mjs').Sending, receiver: Receiver) => Promise<number>} send
 *   resolves with the number of datagrams
 */

/** @param {'udp' | 'tcp' | 'tcp-mix'} transport @param {DemoOptions} options @returns {Plan} */
function planOf(transport, { buffers, seed, udpSize, segment, tcpSize, mixMin, mixMax }) {
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

/** @param {Plan} plan @param {number} port */
function openSocket({ protocol, segment, buffers }, port) {
  // 'always', so that the completions show what the kernel says. No more sends than there are
  // buffers can wait for room.
  const common = { zeroCopy: /** @type {const} */ ('always'), maxQueuedSends: buffers };
  return protocol === 'udp'
    ? UdpSocket.open({ ...common, remote: { address: HOST, port }, segmentSize: segment })
    : TcpSocket.connect({ ...common, host: HOST, port });
}

/**
 * @param {'udp' | 'tcp' | 'tcp-mix'} transport @param {DemoOptions} options
 * @param {import('./progress.mjs').Watcher} watcher
 * @returns {Promise<import('./result.mjs').Result>} never rejects
 */
export async function runLoopback(transport, options, watcher) {
  const plan = planOf(transport, options);
  const failure = new AbortController();
  const run = new Run({
    count: options.count,
    signal: AbortSignal.any([watcher.signal, failure.signal]),
  });
  const meter = new Meter();
  /** @type {import('zerosend').ZeroCopySocket | undefined} */
  let socket;
  /** @type {BufferPool | undefined} */
  let pool;
  /** @type {Receiver | undefined} */
  let receiver;
  const fail = (/** @type {Error} */ error) => {
    if (failure.signal.aborted) return;
    failure.abort(error);
    socket?.abort(); // completes every id, so that nobody waits any longer
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
    fail(/** @type {Error} */ (error));
    // When a receiver dies, the socket hears of it first, by a reset or a broken pipe: the death is
    // what a person wants to be told.
    const cause = (await receiver?.failure(CAUSE_KNOWN_WITHIN)) ?? failure.signal.reason;
    const problem = /** @type {Error} */ (cause).message;
    if (socket === undefined || pool === undefined) return failedResult(transport, problem);
    run.pause();
    const closed = await socket.abort();
    const result = resultOf({ name: transport, meter, run, socket, pool, closed, received: null });
    return { ...result, problems: [problem, ...result.problems] };
  } finally {
    await receiver?.stop();
  }
}
