// @ts-check
import { constants } from 'node:os';

const { EAGAIN, ECONNRESET, EINTR, EMFILE, ENOBUFS, ENOMEM, EPIPE } = constants.errno;

/** What may go wrong in a round: call, how, and its chance at each call. */
const FAULTS = [
  { name: 'send EAGAIN', call: 'sendto', error: EAGAIN, chance: 0.02 },
  { name: 'send ENOBUFS', call: 'sendto', error: ENOBUFS, chance: 0.05 },
  { name: 'send ENOBUFS storm', call: 'sendto', error: ENOBUFS, chance: 0.7 },
  { name: 'send EINTR', call: 'sendto', error: EINTR, chance: 0.3 },
  { name: 'send ENOMEM', call: 'sendto', error: ENOMEM, chance: 0.02 },
  { name: 'send ECONNRESET', call: 'sendto', error: ECONNRESET, chance: 0.0005 },
  { name: 'send EPIPE', call: 'sendto', error: EPIPE, chance: 0.0005 },
  { name: 'batch EAGAIN', call: 'sendmmsg', error: EAGAIN, chance: 0.2 },
  { name: 'batch short', call: 'sendmmsg', limit: 3, chance: 0.3 },
  { name: 'kick EAGAIN', call: 'sendto', error: EAGAIN, chance: 0.3 },
  { name: 'kick ENOBUFS', call: 'sendto', error: ENOBUFS, chance: 0.3 },
  { name: 'reap EINTR', call: 'recvmsg', error: EINTR, chance: 0.3 },
  { name: 'discard EINTR', call: 'recv', error: EINTR, chance: 0.3 },
  { name: 'discard EAGAIN', call: 'recv', error: EAGAIN, chance: 0.3 },
  { name: 'wait EINTR', call: 'epoll_wait', error: EINTR, chance: 0.3 },
  { name: 'socket EMFILE', call: 'socket', error: EMFILE, chance: 0.1 },
  { name: 'option ENOMEM', call: 'setsockopt', error: ENOMEM, chance: 0.05 },
  { name: 'connect ECONNRESET', call: 'connect', error: ECONNRESET, chance: 0.05 },
];

/** Cuts sends short, which only a stream survives. */
const STREAM_ONLY = { name: 'send short', call: 'sendto', limit: 1000, chance: 0.3 };

/**
 * @typedef {{ inject(call: string, fault: object): void, clearFaults(seed: number): void,
 *   faults(call: string): { struck: number } }} Hooks
 */

/** Injects a few faults, at most one a call; returns them. */
export function injectSome(
  /** @type {Hooks} */ hooks,
  /** @type {(limit: number) => number} */ random,
  /** @type {boolean} */ streamsOnly,
) {
  hooks.clearFaults(random(2 ** 31) + 1);
  const pick = streamsOnly ? [...FAULTS, STREAM_ONLY, STREAM_ONLY] : FAULTS;
  /** @type {Map<string, typeof pick[number]>} */
  const chosen = new Map();
  for (let left = random(4); left > 0; left--) {
    const fault = pick[random(pick.length)];
    if (fault !== undefined) chosen.set(fault.call, fault);
  }
  for (const [call, fault] of chosen) {
    const { name, call: _, ...how } = fault;
    hooks.inject(call, how);
  }
  return [...chosen.values()];
}
