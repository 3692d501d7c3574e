// @ts-check
// Sends across the wrap of the kernel's 32-bit ids, and past 2^32 of ours.
import { Sender, smallPool, within } from './sender.mjs';
import { ALWAYS, clearFaults, inject, reportedRanges, setFirstIds } from './zerosend.mjs';

/** @typedef {import('./sender.mjs').Peer} Peer */
/** @typedef {'merged' | 'pieces' | 'batches' | 'flow' | 'until the end'} Shape */

/**
 * @typedef {object} WrapCase
 * @property {'tcp' | 'udp'} protocol
 * @property {Shape} shape
 * @property {number} sendId the first
 * @property {number} kernelId the first
 * @property {boolean} [held] completions cannot be read until everything is sent, so that they are
 *   late; over a slow link they are without it
 */

const WRAP = 2 ** 32;

/** @type {Record<Shape, (sender: Sender, length: number) => Promise<void>>} */
const SHAPES = {
  async merged(sender, length) {
    for (let i = 0; i < 40; i++) accept(sender.send(length - i));
  },
  /** The wrap falls between the pieces of one send. */
  async pieces(sender, length) {
    inject('sendto', { limit: Math.ceil(length / 7), times: ALWAYS });
    for (let i = 0; i < 8; i++) accept(sender.send(length - i));
  },
  async batches(sender, length) {
    for (let i = 0; i < 5; i++) accept(sender.sendMany(new Array(8).fill(length - i)));
  },
  /** Completions come in while sending goes on. */
  async flow(sender, length) {
    for (let i = 0; i < 400; i++) {
      accept(sender.send(length - i, await sender.pool.acquire()));
    }
  },
  /** Until the peer resets. */
  async 'until the end'(sender, length) {
    for (let i = 0; i < 56 && sender.send(length) === 'accepted'; i++);
    await within(sender.books.closed, 'the close that follows the reset');
  },
};

/** @param {string} result */
function accept(result) {
  if (result !== 'accepted') throw new Error(`a send was refused: ${result}`);
}

/**
 * What the kernel reported, in kernel ids that go on past the wrap.
 * @param {number} first @returns {[number, number][]}
 */
function widened(first) {
  return reportedRanges().map(([low, high]) => {
    const begin = first + ((low - first) >>> 0);
    return [begin, begin + ((high - low) >>> 0)];
  });
}

/** @param {WrapCase} wrapCase @param {Peer} peer */
export async function sendAcross({ protocol, shape, sendId, kernelId, held = false }, peer) {
  setFirstIds(sendId, kernelId);
  reportedRanges();
  const pool = smallPool({ count: 64 });
  const sender = await Sender.open(protocol, peer, {}, pool);
  const firstId = sender.socket.nextId;
  if (held) inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
  await SHAPES[shape](sender, protocol === 'tcp' ? 60_000 : 1400);
  const early = widened(kernelId);
  inject('recvmsg');
  await sender.flushed();
  const late = widened(kernelId);
  const kernelIds = sender.socket.stats().kernelIds;
  const { problems, report } = await sender.finish();
  clearFaults();
  setFirstIds(0, 0);
  const wrapAt = Math.floor(kernelId / WRAP + 1) * WRAP;
  const ranges = [...early, ...late];
  const seen = new Map();
  for (const [first, last] of ranges) {
    for (let id = first; id <= last; id++) seen.set(id, (seen.get(id) ?? 0) + 1);
  }
  for (let id = kernelId; id < kernelId + kernelIds; id++) {
    if (seen.get(id) !== 1) problems.push(`kernel id ${id} was reported ${seen.get(id)} times`);
  }
  if (seen.size !== kernelIds) problems.push(`${seen.size} kernel ids of ${kernelIds} reported`);
  return {
    problems,
    report,
    firstId,
    lastId: sender.socket.nextId - 1,
    kernelIds,
    how: sender.books.ids.how,
    errors: sender.books.errors.map(({ code }) => code),
    ranges: ranges.length,
    /** Ranges that hold more than one id. */
    merged: ranges.filter(([first, last]) => first < last).length,
    /** Ranges from before the wrap to behind it. */
    straddling: ranges.filter(([first, last]) => first < wrapAt && last >= wrapAt).length,
    /** Ids before the wrap that were reported when all behind it had been given out. */
    late: late
      .map(([first, last]) => Math.max(0, Math.min(last + 1, wrapAt) - first))
      .reduce((sum, ids) => sum + ids, 0),
    /** Ranges that came before one with lower ids. */
    disordered: ranges.filter(([first], i) => first < (ranges[i - 1]?.[1] ?? 0)).length,
    seed: sender.seed,
    sent: sender.position,
  };
}
