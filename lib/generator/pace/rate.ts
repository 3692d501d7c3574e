import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { checkKeys, checkPositive } from '../base/validate.js';

/** Packets a second, or with more to say. */
export type Rate = number | PacketRate | BitRate;

/** A rate in packets. */
export interface PacketRate extends Shape {
  /** Packets a second. */
  packets: number;
}

/** A rate in bits. */
export interface BitRate extends Shape {
  /** Bits a second. */
  bits: number;
  /**
   * Bytes of each packet that are not in its buffer. On Ethernet, 24 makes it the rate of the wire:
   * preamble 8, FCS 4, gap 12. Default 0.
   */
  overhead?: number;
}

/** How packets leave at a rate. */
interface Shape {
  /**
   * Packets that leave together, 1 to 65536. More cost less; the mean rate is the same. Default: as
   * many as are due in 100 µs, 1 to 64.
   */
  burst?: number;
  /**
   * Milliseconds: after a pause (a full ring, a busy machine) what was due within so long is made
   * up for at once, what was due before is lost. Default 100.
   */
  catchUp?: number;
}

export interface CheckedRate {
  /** packets a second */
  packets: number;
  burst: number;
  /** ms */
  catchUp: number;
}

const DEFAULT_CATCH_UP_MS = 100;
const DEFAULT_BURST_SECONDS = 100e-6;
const LARGEST_DEFAULT_BURST = 64;
const LARGEST_BURST = 65_536;

/**
 * Checks a rate and fills in its defaults.
 * @param bytes of each packet, for a rate in bits
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function checkRate(name: string, rate: unknown, bytes: number): CheckedRate {
  if (typeof rate === 'number') return shaped(name, checkPositive(name, rate), {});
  if (typeof rate !== 'object') {
    throw invalidArgument(
      name,
      'a number of packets a second, or an object with more to say',
      rate,
    );
  }
  checkKeys(name, rate, ['packets', 'bits', 'overhead', 'burst', 'catchUp']);
  const { packets, bits, overhead, ...shape } = rate as Partial<PacketRate & BitRate>;
  if ((packets === undefined) === (bits === undefined)) {
    throw invalidArgument(name, 'a rate in packets or in bits', rate);
  }
  if (packets !== undefined) {
    if (overhead !== undefined) throw invalidArgument(`${name}.overhead`, 'with bits only', rate);
    return shaped(name, checkPositive(`${name}.packets`, packets), shape);
  }
  checkPositive(`${name}.bits`, bits);
  const more = checkInteger(`${name}.overhead`, overhead ?? 0, 0, 1000);
  return shaped(name, (bits as number) / (8 * (bytes + more)), shape);
}

function shaped(name: string, packets: number, shape: Shape): CheckedRate {
  const usual = Math.min(LARGEST_DEFAULT_BURST, Math.round(packets * DEFAULT_BURST_SECONDS));
  const { burst = Math.max(1, usual), catchUp = DEFAULT_CATCH_UP_MS } = shape;
  checkInteger(`${name}.burst`, burst, 1, LARGEST_BURST);
  checkPositive(`${name}.catchUp`, catchUp);
  return { packets, burst, catchUp };
}
