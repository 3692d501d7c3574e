import { invalidArgument, outOfRange } from '../../base/errors.js';
import { rangeError } from '../base/errors.js';
import { parseAddress } from '../packets/addresses.js';
import type { PrefixRange } from './fields.js';
import type { Target } from './targets.js';

const WIDEST = 8; // bytes that a field writes

/** The networks of a prefix, as numbers of the bytes of the address that vary. */
export interface Networks {
  part: Target;
  start: bigint;
  step: bigint;
  count: bigint;
}

/**
 * Reads a range such as 10.0.0.0/8 in steps of /24. What does not vary is laid into the packet.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_INVALID_ADDRESS`,
 * `ERR_ZEROSEND_OUT_OF_RANGE`, `ERR_ZEROSEND_FIELD` for a target that is no address
 */
export function readPrefix(
  name: string,
  target: Target,
  { prefix: given, step: stepGiven }: PrefixRange,
  initial: Buffer,
): Networks {
  const { address } = target;
  if (address !== 'ipv4' && address !== 'ipv6') {
    throw rangeError('ERR_ZEROSEND_FIELD', `${name}: ${target.name} holds no IP address`);
  }
  const all = 8 * target.width;
  const [, text = '', bits = ''] = /^([^/]*)\/(\d{1,3})$/.exec(String(given)) ?? [];
  if (typeof given !== 'string' || bits === '') {
    throw invalidArgument(`${name}.prefix`, "an address and a length, such as '10.0.0.0/8'", given);
  }
  const bytes = Buffer.from(parseAddress(`${name}.prefix`, address, text));
  const prefix = Number(bits);
  if (prefix > all) throw outOfRange(`${name}.prefix`, `of at most ${all} bits`, given);
  const step = stepGiven === undefined ? all : stepOf(`${name}.step`, stepGiven, prefix, all);
  const value = BigInt(`0x${bytes.toString('hex')}`);
  const count = 1n << BigInt(step - prefix);
  if (((value >> BigInt(all - step)) & (count - 1n)) !== 0n) {
    const those = `an address whose bits from ${prefix} to ${step} are 0, since they vary`;
    throw outOfRange(`${name}.prefix`, those, given);
  }
  // The bytes that the varying bits lie in.
  const begin = Math.min(Math.floor(prefix / 8), target.width - 1);
  const end = Math.max(Math.ceil(step / 8), begin + 1);
  if (end - begin > WIDEST) {
    throw outOfRange(
      `${name}.step`,
      `at most /${8 * (begin + WIDEST)} behind /${prefix}`,
      stepGiven,
    );
  }
  initial.set(bytes, target.at);
  const width = end - begin;
  const covering = target.covering.map(({ checksum, odd }) => {
    return { checksum, odd: odd !== ((begin & 1) === 1) };
  });
  const part = { ...target, at: target.at + begin, width, bits: 8 * width, covering };
  const start = BigInt(`0x${bytes.toString('hex', begin, end)}`);
  return { part, start, step: step === prefix ? 0n : 1n << BigInt(8 * end - step), count };
}

function stepOf(name: string, step: unknown, prefix: number, all: number): number {
  const [, bits] = /^\/(\d{1,3})$/.exec(String(step)) ?? [];
  if (typeof step !== 'string' || bits === undefined) {
    throw invalidArgument(name, "a length such as '/24'", step);
  }
  const length = Number(bits);
  if (length < prefix || length > all) throw outOfRange(name, `from /${prefix} to /${all}`, step);
  return length;
}
