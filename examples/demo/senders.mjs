// @ts-check
// The generator loops: acquire, fill, send, until the run is over.

/**
 * @typedef {object} Sending
 * @property {import('./run.mjs').Run} run
 * @property {import('./meter.mjs').Meter} meter
 * @property {import('zerosend').BufferPool} pool its dryness is what slows a loop down
 * @property {import('zerosend').ZeroCopySocket} socket
 * @property {import('../../rig/repeated-pattern.mjs').RepeatedPattern} pattern
 */

/**
 * Trains of datagrams, at the pace at which the receiver takes them.
 * @param {Sending} sending @param {import('./credit.mjs').Credit} credit
 * @param {{ size: number, segment: number }} options
 * @returns {Promise<number>} datagrams sent
 */
export async function sendTrains({ run, meter, pool, socket, pattern }, credit, options) {
  const { size, segment } = options;
  const datagrams = Math.ceil(size / segment);
  let sequence = 0;
  while (run.goesOn(meter.ids.sent)) {
    if (run.turnDue) await run.turn();
    if (!credit.allows(sequence, datagrams)) {
      await credit.news(sequence, run.signal);
      continue;
    }
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    sequence = pattern.fillTrain(buffer.bytes, size, segment, sequence);
    meter.send(socket, buffer, size);
  }
  return sequence;
}

/**
 * A stream, in sends of the sizes that `nextSize` gives. TCP paces by itself.
 * @param {Sending} sending @param {() => number} nextSize
 */
export async function sendStream({ run, meter, pool, socket, pattern }, nextSize) {
  while (run.goesOn(meter.ids.sent)) {
    if (run.turnDue) await run.turn();
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    const size = nextSize();
    pattern.fillStream(buffer.bytes, size, meter.bytes);
    meter.send(socket, buffer, size);
  }
}

/**
 * Buffers that are filled already: only a number is written, and the rest goes out as it is.
 * @param {Sending} sending @param {number} size
 */
export async function sendPrepared({ run, meter, pool, socket }, size) {
  while (run.goesOn(meter.ids.sent)) {
    if (run.turnDue) await run.turn();
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    buffer.bytes.writeUInt32LE(meter.ids.sent % 2 ** 32);
    meter.send(socket, buffer, size);
  }
}

/**
 * Random sizes, small ones as frequent as large ones: as many from 1 to 2 as from 2^19 to 2^20.
 * @param {number} seed @param {number} min @param {number} max bytes, both included
 */
export function mixedSizes(seed, min, max) {
  const next = randomWords(seed);
  const [low, high] = [Math.log(min), Math.log(max + 1)];
  return () => {
    const size = Math.floor(Math.exp(low + (high - low) * (next() / 2 ** 32)));
    return Math.min(max, Math.max(min, size));
  };
}

/** A small generator of random numbers (mulberry32). @param {number} seed @returns {() => number} */
function randomWords(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  };
}
