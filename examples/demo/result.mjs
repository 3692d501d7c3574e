// @ts-check
// One column of the table: what one sender did, what the completions said, and what is wrong.

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {number} sends ids given out
 * @property {number} bytes
 * @property {number} seconds from the first send until everything had completed
 * @property {number} bitsPerSecond
 * @property {number} completed different ids completed
 * @property {number} ranges `complete` events
 * @property {number} idsPerRange
 * @property {number} notifications messages read from the kernel's error queue
 * @property {number} zerocopyShare of the ids completed, 0 to 1
 * @property {number} copiedShare
 * @property {number} inlineShare
 * @property {{ free: number, total: number }} pool at the end
 * @property {{ p50: number, p99: number } | null} latency from send to completion, in µs
 * @property {import('./receivers.mjs').ReceiverReport | null} received null: nobody receives there
 * @property {string[]} problems empty: every id completed once and every byte was right
 */

/**
 * @typedef {object} Measured
 * @property {string} name
 * @property {import('./meter.mjs').Meter} meter
 * @property {import('./run.mjs').Run} run
 * @property {import('zerosend').ZeroCopySocket} socket
 * @property {import('zerosend').BufferPool} pool
 * @property {import('zerosend').CloseReport} closed
 * @property {import('./receivers.mjs').ReceiverReport | null} received
 */

/** @param {Measured} measured @returns {Result} */
export function resultOf({ name, meter, run, socket, pool, closed, received }) {
  const stats = socket.stats();
  const { ids, bytes, ranges, how } = meter;
  const share = (/** @type {number} */ part) => (ids.completed === 0 ? 0 : part / ids.completed);
  return {
    name,
    sends: ids.sent,
    bytes,
    seconds: run.seconds,
    bitsPerSecond: run.seconds === 0 ? 0 : (bytes * 8) / run.seconds,
    completed: ids.completed,
    ranges,
    idsPerRange: ranges === 0 ? 0 : ids.completed / ranges,
    notifications: stats.notifications,
    zerocopyShare: share(how.zerocopy),
    copiedShare: share(how.copied),
    inlineShare: share(how.inline),
    pool: { free: pool.free, total: pool.count },
    latency: meter.latency(),
    received,
    problems: [
      ...ids.problems(),
      ...sendingProblems(meter, stats, pool, closed),
      ...(received === null ? [] : receivingProblems(meter, received)),
    ],
  };
}

/**
 * @param {import('./meter.mjs').Meter} meter @param {import('zerosend').SocketStats} stats
 * @param {import('zerosend').BufferPool} pool @param {import('zerosend').CloseReport} closed
 */
function sendingProblems({ ids, bytes, how }, stats, pool, closed) {
  const problems = [];
  if (how.revoked + how.failed > 0) {
    problems.push(`${how.revoked} ids were revoked and ${how.failed} failed`);
  }
  if (stats.sends !== ids.sent || stats.bytes !== bytes || stats.completed !== ids.completed) {
    const counts = `${stats.sends} sends, ${stats.bytes} bytes, ${stats.completed} completed`;
    problems.push(`the socket counts differently: ${counts}`);
  }
  if (closed.outcome !== 'drained' || closed.ids !== ids.sent) {
    problems.push(`closing: ${closed.outcome}, ${closed.ids} ids, ${closed.unfinished} unfinished`);
  }
  if (pool.free !== pool.count) {
    problems.push(`only ${pool.free} of ${pool.count} buffers are back in the pool`);
  }
  return problems;
}

/**
 * Lost and reordered datagrams are what UDP is; what loopback never does is duplicate one.
 * @param {import('./meter.mjs').Meter} meter
 * @param {import('./receivers.mjs').ReceiverReport} received
 */
function receivingProblems(meter, received) {
  const problems = [];
  if (received.wrongBytes > 0) problems.push(`${received.wrongBytes} bytes were wrong`);
  if (received.duplicates) problems.push(`${received.duplicates} datagrams came twice`);
  const complete = received.lost === undefined || received.lost === 0;
  if (complete && received.bytes !== meter.bytes) {
    problems.push(`${meter.bytes} bytes were sent, and ${received.bytes} received`);
  }
  return problems;
}

/** A column for a sender that did not get to its end. @param {string} name @param {string} problem @returns {Result} */
export function failedResult(name, problem) {
  return {
    name,
    sends: 0,
    bytes: 0,
    seconds: 0,
    bitsPerSecond: 0,
    completed: 0,
    ranges: 0,
    idsPerRange: 0,
    notifications: 0,
    zerocopyShare: 0,
    copiedShare: 0,
    inlineShare: 0,
    pool: { free: 0, total: 0 },
    latency: null,
    received: null,
    problems: [problem],
  };
}

/**
 * @typedef {object} Snapshot what the progress line says
 * @property {number} seconds
 * @property {number} sends
 * @property {number} bytes
 * @property {number} inFlight ids
 * @property {{ free: number, total: number }} pool
 */

/**
 * @param {import('./run.mjs').Run} run @param {import('./meter.mjs').Meter} meter
 * @param {import('zerosend').BufferPool} pool @returns {Snapshot}
 */
export function snapshotOf(run, { ids, bytes }, pool) {
  return {
    seconds: run.seconds,
    sends: ids.sent,
    bytes,
    inFlight: ids.sent - ids.completed,
    pool: { free: pool.free, total: pool.count },
  };
}
