import { invalidArgument } from '../../base/errors.js';
import { checkInteger, checkOneOf } from '../../base/validate.js';
import { checkBoolean, checkKeys, checkPositive } from '../base/validate.js';
import { type ChangingRate, checkLines, constantLines, type Lines } from './course.js';

/** Packets a second, or with more to say. */
export type Rate = number | PacketRate | BitRate;

/** A rate in packets. */
export interface PacketRate extends Shape {
  /** Packets a second, or how they change. */
  packets: number | ChangingRate;
}

/** A rate in bits. */
export interface BitRate extends Shape {
  /** Bits a second, or how they change. */
  bits: number | ChangingRate;
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
   * many as are due in 100 µs, 1 to 64; of a rate that changes, at its fastest, or at the start where a
   * function says it.
   */
  burst?: number;
  /**
   * Milliseconds: after a pause (a full ring, a busy machine) what was due within so long is made
   * up for at once, what was due before is lost. Default 100.
   */
  catchUp?: number;
  /**
   * How packets, or bursts of them, follow each other: `'even'`, at equal distances, or `'poisson'`, as by
   * chance, at the same mean rate. Default `'even'`.
   */
  arrivals?: 'even' | 'poisson';
  /**
   * Of `'poisson'`: the same seed makes the same distances. 0 to 2^32 - 1; default 0, and of streams the
   * number of those that joined before.
   */
  seed?: number;
  /** Of a rate in pieces: begins with the first again after the last. Default false. */
  repeat?: boolean;
}

export interface CheckedRate {
  /** packets a second, by which bursts are measured where they change */
  packets: number;
  /** whether it is the same at all times */
  constant: boolean;
  /** packets a millisecond */
  lines: Lines;
  burst: number;
  /** ms */
  catchUp: number;
  /** null: at equal distances */
  seed: number | null;
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
  if (typeof rate === 'number') return shaped(name, checkConstant(name, rate, 1), {});
  if (typeof rate !== 'object') {
    throw invalidArgument(
      name,
      'a number of packets a second, or an object with more to say',
      rate,
    );
  }
  checkKeys(name, rate, KEYS);
  const { packets, bits, overhead, ...shape } = rate as Partial<PacketRate & BitRate>;
  if ((packets === undefined) === (bits === undefined)) {
    throw invalidArgument(name, 'a rate in packets or in bits', rate);
  }
  if (packets !== undefined) {
    if (overhead !== undefined) throw invalidArgument(`${name}.overhead`, 'with bits only', rate);
    return shaped(name, checkSpeed(`${name}.packets`, packets, 1, shape), shape);
  }
  const more = checkInteger(`${name}.overhead`, overhead ?? 0, 0, 1000);
  if (bytes + more === 0) {
    throw invalidArgument(`${name}.bits`, 'with the bytes of a packet (bytes, packetBytes)', rate);
  }
  const scale = 1 / (8 * (bytes + more));
  return shaped(name, checkSpeed(`${name}.bits`, bits as number, scale, shape), shape);
}

type Speed = Pick<CheckedRate, 'packets' | 'constant' | 'lines'>;

/** @param scale packets for one of its unit */
function checkSpeed(
  name: string,
  value: number | ChangingRate,
  scale: number,
  { repeat }: Shape,
): Speed {
  if (Array.isArray(value) || typeof value === 'function') {
    const again = repeat !== undefined && checkBoolean('rate.repeat', repeat);
    const { lines, first } = checkLines(name, value, scale / 1000, again);
    return { packets: first * 1000, constant: false, lines };
  }
  return checkConstant(name, value, scale);
}

function checkConstant(name: string, value: unknown, scale: number): Speed {
  const packets = Math.max(checkPositive(name, value) * scale, Number.MIN_VALUE);
  // 0 would never be due, not even at first.
  const perMs = Math.max(packets / 1000, Number.MIN_VALUE);
  return { packets, constant: true, lines: constantLines(perMs) };
}

function shaped(name: string, speed: Speed, shape: Shape): CheckedRate {
  const { arrivals = 'even', seed = 0, repeat } = shape;
  const usual = Math.min(LARGEST_DEFAULT_BURST, Math.round(speed.packets * DEFAULT_BURST_SECONDS));
  const { burst = Math.max(1, usual), catchUp = DEFAULT_CATCH_UP_MS } = shape;
  checkInteger(`${name}.burst`, burst, 1, LARGEST_BURST);
  checkPositive(`${name}.catchUp`, catchUp);
  checkOneOf(`${name}.arrivals`, arrivals, ['even', 'poisson']);
  checkInteger(`${name}.seed`, seed, 0, 2 ** 32 - 1);
  if (repeat === true && speed.constant) {
    throw invalidArgument(`${name}.repeat`, 'with a rate in pieces', repeat);
  }
  const { packets, constant, lines } = speed;
  return { packets, constant, lines, burst, catchUp, seed: arrivals === 'poisson' ? seed : null };
}

const KEYS = [
  'packets',
  'bits',
  'overhead',
  'burst',
  'catchUp',
  'arrivals',
  'seed',
  'repeat',
] as const satisfies readonly (keyof PacketRate | keyof BitRate)[];
