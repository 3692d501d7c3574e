import { isIP } from 'node:net';
import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger, checkObject } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { parseAddress } from '../packets/addresses.js';

/** Addresses one behind the other. */
export interface Span {
  family: 4 | 6;
  first: bigint;
  size: bigint;
}

interface Rule {
  from: Span;
  to: Span;
}

interface Move {
  within: Span;
  step: bigint;
}

/** How many addresses are remembered with what becomes of them. */
const MOST_KNOWN = 65_536;

/** What becomes of IP addresses: by rules, the first of which that fits is taken, and from loop to loop. */
export class AddressMap {
  readonly #rules: readonly Rule[];
  readonly #moves: readonly Move[];
  /** what has become of addresses in this loop; null: no rule fits */
  readonly #known = new Map<number | string, Uint8Array | null>();
  #loop = 0n;

  /** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `…_OUT_OF_RANGE`, `…_INVALID_ADDRESS` */
  constructor(addresses: Record<string, string> = {}, eachLoop: Record<string, number> = {}) {
    checkObject('rewrite.addresses', addresses);
    checkObject('rewrite.eachLoop', eachLoop);
    this.#rules = Object.entries(addresses).map(([from, to]) => ruleOf(from, to));
    this.#moves = Object.entries(eachLoop).map(([within, step]) => {
      const name = `rewrite.eachLoop['${within}']`;
      checkInteger(name, step, -(2 ** 32), 2 ** 32);
      return { within: spanOf(name, within), step: BigInt(step) };
    });
  }

  /** Whether it changes any address. */
  get isEmpty(): boolean {
    return this.#rules.length === 0 && this.#moves.length === 0;
  }

  /** Whether what becomes of an address is another in each loop. */
  get moves(): boolean {
    return this.#moves.length > 0;
  }

  /** Goes to a loop of the replay, from 0. */
  set loop(loop: number) {
    if (this.#loop === BigInt(loop)) return;
    this.#loop = BigInt(loop);
    if (this.moves) this.#known.clear();
  }

  /** Changes the address at `at`; returns whether there is a rule for it, which may also be that it stays. */
  rewrite(bytes: Uint8Array, at: number, family: 4 | 6): boolean {
    const key = keyOf(bytes, at, family);
    let to = this.#known.get(key);
    if (to === undefined) {
      to = this.#find(bytes.subarray(at, at + (family === 4 ? 4 : 16)), family);
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      this.#known.set(key, to);
    }
    if (to !== null) bytes.set(to, at);
    return to !== null;
  }

  #find(address: Uint8Array, family: 4 | 6): Uint8Array | null {
    const before = numberOf(address);
    let after = before;
    const rule = this.#rules.find(({ from }) => from.family === family && has(from, before));
    if (rule !== undefined) after = rule.to.first + ((before - rule.from.first) % rule.to.size);
    const move = this.#moves.find(({ within }) => within.family === family && has(within, after));
    if (move !== undefined) {
      const { first, size } = move.within;
      const moved = (after - first + this.#loop * move.step) % size;
      after = first + (moved < 0n ? moved + size : moved);
    }
    return rule || move ? bytesOf(after, address.length) : null;
  }
}

function has({ first, size }: Span, address: bigint): boolean {
  return address >= first && address < first + size;
}

function keyOf(bytes: Uint8Array, at: number, family: 4 | 6): number | string {
  if (family === 6) return Buffer.from(bytes.buffer, bytes.byteOffset + at, 16).toString('latin1');
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function bytesOf(number: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) =>
    Number((number >> BigInt(8 * (length - 1 - i))) & 0xffn),
  );
}

function ruleOf(from: string, to: unknown): Rule {
  const name = `rewrite.addresses['${from}']`;
  if (typeof to !== 'string') throw invalidArgument(name, 'an address', to);
  const rule = { from: spanOf(`rewrite.addresses: '${from}'`, from), to: spanOf(name, to, from) };
  // With prefixes the host part stays; only with a range is it said how many there are.
  if (isRange(from) || isRange(to) || rule.from.size === rule.to.size) return rule;
  const bits = (rule.from.family === 4 ? 32 : 128) - rule.from.size.toString(2).length + 1;
  throw rangeError(
    'ERR_ZEROSEND_OUT_OF_RANGE',
    `${name} must have a prefix of /${bits}; received ${to}`,
  );
}

/**
 * The addresses of `'10.0.0.1'`, `'10.0.0.0/8'` or `'10.0.0.1-10.0.0.9'`.
 * @param like another one, of which it has to have the family
 */
export function spanOf(name: string, text: string, like = text): Span {
  const [begin = '', end] = isRange(text) ? splitAt(text, '-') : [text];
  const [address = '', prefix] = end === undefined ? splitAt(begin, '/') : [begin];
  const family = isIP(splitAt(splitAt(like, '-')[0] as string, '/')[0] as string) === 6 ? 6 : 4;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const bits = family === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : checkDecimal(`the prefix of ${name}`, prefix, bits);
  const at = numberOf(parseAddress(name, kind, address));
  if (end !== undefined) {
    const last = numberOf(parseAddress(name, kind, end));
    if (last < at) throw outOfRange(name, 'from the lower to the higher address', text);
    return { family, first: at, size: last - at + 1n };
  }
  const size = 1n << BigInt(bits - length);
  return { family, first: at - (at % size), size };
}

function isRange(text: string): boolean {
  return text.includes('-') && !text.includes('/');
}

/** What stands before and behind the first such sign; only the one where there is none. */
function splitAt(text: string, sign: string): [string, string?] {
  const at = text.indexOf(sign);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** A number in text that is a decimal number and nothing else; `Number` takes more than that. */
export function checkDecimal(name: string, text: string, max: number): number {
  if (!/^(0|[1-9]\d*)$/.test(text)) throw outOfRange(name, `a decimal number up to ${max}`, text);
  return checkInteger(name, Number(text), 0, max);
}
