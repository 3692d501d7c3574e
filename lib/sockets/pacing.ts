import { isFailure, native } from '../addon/addon.js';
import { type CodedError, stateError, systemError } from '../base/errors.js';

/**
 * The error for a rate (SO_MAX_PACING_RATE) that nothing would enforce: the kernel accepts the
 * option all the same, and sends at full speed.
 */
function pacingRefused(
  reason: string,
  about: { interface?: string; qdisc?: string } = {},
): CodedError {
  return Object.assign(
    stateError(
      'ERR_ZEROSEND_PACING_UNSUPPORTED',
      `options.maxPacingRate is kept by TCP, and for UDP by the queueing discipline fq: ${reason}`,
    ),
    about,
  );
}

/**
 * Throws unless packets for `remote` leave through the queueing discipline `fq`. A socket without a
 * peer is not a single flow there: each of its destinations would be paced separately.
 */
export function checkPacing(
  remote: { address: string; port: number } | undefined,
  bound: string | undefined,
): void {
  if (remote === undefined) {
    throw pacingRefused('without options.remote it would pace each destination by itself');
  }
  const way = native.wayOut(remote, bound);
  if (isFailure(way)) {
    throw systemError(way.errno, way.syscall, bound === undefined ? remote : { interface: bound });
  }
  if (way.qdiscs.length > 0 && way.qdiscs.every((kind) => kind === 'fq')) return;
  const qdisc = way.qdiscs.join(', ') || 'none';
  const name = way.interface;
  throw pacingRefused(`${name}, by which ${remote.address} is reached, has ${qdisc}`, {
    interface: name,
    qdisc,
  });
}

/**
 * Throws for a rate on a kind of socket that has no such option, which only JavaScript without
 * types can pass.
 */
export function refusePacing(maxPacingRate: unknown, reason: string): void {
  if (maxPacingRate !== undefined) throw pacingRefused(reason);
}
