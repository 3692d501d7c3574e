// Frames of random stacks of protocols: Ethernet, tags, IP with options or extension headers in any
// order, fragments, and what has a checksum over the addresses. Whoever builds a frame knows where
// its parts are, so checksums are checked without reading it, and with nothing of the library.
export interface Check {
  name: string;
  /** where the checksum is in the frame; it may not have been captured */
  at: number;
  /** what a receiver sums up, the checksum included, modulo 0xffff: 0 when it is right */
  residue(frame: Buffer): number;
  /** all that it covers is in the frame */
  complete: boolean;
  /** 0 means that there is none */
  optional: boolean;
}

export interface Stack {
  /** protocols, from the outside in */
  name: string;
  frame: Buffer;
  /** bytes that the frame had on the wire */
  wireLength: number;
  /** bytes that are not in the frame: behind the end of what was captured, or in other fragments */
  hidden: Buffer;
  family: 4 | 6;
  /** of source and destination */
  addresses: number[];
  ports: number[];
  checks: Check[];
}

/** The sum of the words of bytes, modulo 0xffff. */
export function residueOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const [i, byte] of bytes.entries()) sum += i % 2 === 0 ? byte * 256 : byte;
  return sum % 0xffff;
}

/** What a checksum has to be so that the sum is right; 0xffff stands for 0 where 0 is not allowed. */
export function completing(residue: number, zero: boolean): number {
  const checksum = (0xffff - residue) % 0xffff;
  return checksum === 0 && !zero ? 0xffff : checksum;
}

/** Draws one thing after the other, from numbers of 0 to `max`. */
export class Dice {
  constructor(readonly upTo: (max: number) => number) {}

  /** The same draws for the same seed. */
  static of(seed: number): Dice {
    let state = seed;
    return new Dice((max) => {
      state = next(state);
      return Math.floor((state / 2 ** 32) * (max + 1));
    });
  }
  of<T>(...choices: T[]): T {
    return choices[this.upTo(choices.length - 1)] as T;
  }
  odds(of: number): boolean {
    return this.upTo(of - 1) === 0;
  }
  /** Often all zeros or ones: carries and the two zeros of ones' complement live there. */
  bytes(length: number): Buffer {
    const kind = this.upTo(3);
    if (kind < 2) return Buffer.alloc(length, kind === 0 ? 0 : 0xff);
    let state = this.upTo(0xffff_ffff);
    return Buffer.alloc(length).map(() => {
      state = next(state);
      return state >>> 24;
    }) as Buffer;
  }
  word(): number {
    return this.of(0, 1, 53, 0xfffe, 0xffff, this.upTo(0xffff));
  }
}

const next = (state: number) => (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;

/** Where the two addresses of the pseudo header are, in the frame. */
export type Place = (frame: Buffer) => Buffer;
export interface Pseudo {
  source: Place;
  destination: Place;
}

export const view =
  (at: number, size: number): Place =>
  (frame) =>
    frame.subarray(at, at + size);

export const words = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i);
  return bytes;
};

export interface Headers {
  name: string;
  bytes: Buffer;
}

export function ipv4Options(dice: Dice, start: number, pseudo: Pseudo): Headers {
  const names: string[] = [];
  const parts: Buffer[] = [];
  const length = () => parts.reduce((sum, part) => sum + part.length, 0);
  for (let left = dice.upTo(2); left > 0; left--) {
    const kind = dice.of('nop', 'alert', 'record', 'loose', 'strict');
    const addresses = 1 + dice.upTo(2);
    if (length() + 3 + 4 * addresses > 40) break;
    const at = start + length();
    names.push(kind);
    if (kind === 'nop') parts.push(Buffer.of(1));
    else if (kind === 'alert') parts.push(Buffer.of(148, 4, 0, 0));
    else {
      const type = { record: 7, loose: 131, strict: 137 }[kind];
      const size = 3 + 4 * addresses;
      const pointer = 4 + 4 * dice.upTo(addresses);
      parts.push(Buffer.of(type, size, pointer), dice.bytes(4 * addresses));
      if (kind !== 'record' && pointer < size) pseudo.destination = view(at + size - 4, 4);
    }
  }
  const bytes = Buffer.concat(parts);
  return { name: names.join('+'), bytes: Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]) };
}

export type Fragment = 'whole' | 'atomic' | 'first' | 'later';

/** An extension header, its type in front of it; the next header's type is filled in later. */
function extension(
  dice: Dice,
  kind: string,
  at: number,
  pseudo: Pseudo,
  fragment: Fragment,
): { type: number; bytes: Buffer } {
  const padding = () => {
    const length = 6 + 8 * dice.upTo(2);
    return Buffer.concat([Buffer.of(1, length - 2), dice.bytes(length - 2)]);
  };
  const header = (content: Buffer) =>
    Buffer.concat([Buffer.of(0, (content.length + 2) / 8 - 1), content]);
  const { destination } = pseudo;
  switch (kind) {
    case 'hop':
      return { type: 0, bytes: header(dice.of(padding(), Buffer.of(5, 2, 0, 0, 1, 0))) };
    case 'options':
      return { type: 60, bytes: header(dice.of(padding(), Buffer.of(0, 0, 0, 0, 0, 0))) };
    case 'home':
      // PadN, and the option at 8n + 6
      pseudo.source = view(at + 8, 16);
      return {
        type: 60,
        bytes: header(Buffer.concat([Buffer.of(1, 2, 0, 0, 0xc9, 16), dice.bytes(16)])),
      };
    case 'authentication': {
      const icv = dice.of(4, 12, 20);
      return {
        type: 51,
        bytes: Buffer.concat([Buffer.of(0, (12 + icv) / 4 - 2), dice.bytes(10 + icv)]),
      };
    }
    case 'fragment': {
      const reserved = dice.of(0, 2, 4, 6);
      const offset = fragment === 'later' ? 1 + dice.upTo(8000) : 0;
      const more = fragment === 'first' || (fragment === 'later' && dice.odds(2)) ? 1 : 0;
      return {
        type: 44,
        bytes: Buffer.concat([Buffer.of(0, 0), words(offset * 8 + reserved + more), dice.bytes(4)]),
      };
    }
    case 'route0':
    case 'route2':
    case 'route4': {
      const addresses = kind === 'route2' ? 1 : 1 + dice.upTo(2);
      const left = dice.upTo(addresses);
      const type = Number(kind.at(-1));
      const entry = type === 4 ? addresses - 1 : 0;
      const fixed = Buffer.of(type, left, entry, 0, 0, 0);
      const tlv =
        kind === 'route4' && dice.odds(3) ? Buffer.of(4, 6, 0, 0, 0, 0, 0, 0) : Buffer.alloc(0);
      const final = kind === 'route0' ? at + 8 + 16 * (addresses - 1) : at + 8;
      if (left > 0) pseudo.destination = view(final, 16);
      return { type: 43, bytes: header(Buffer.concat([fixed, dice.bytes(16 * addresses), tlv])) };
    }
    case 'route3': {
      const shared = dice.upTo(15);
      const last = dice.upTo(15);
      const before = dice.upTo(2);
      const size = before * (16 - shared) + 16 - last;
      const pad = -size & 7;
      const left = dice.upTo(before + 1);
      const fixed = Buffer.of(3, left, shared * 16 + last, pad * 16, 0, 0);
      const own = view(at + 8 + before * (16 - shared), 16 - last);
      if (left > 0) {
        pseudo.destination = (frame) =>
          Buffer.concat([destination(frame).subarray(0, last), own(frame)]);
      }
      return {
        type: 43,
        bytes: header(Buffer.concat([fixed, dice.bytes(size), Buffer.alloc(pad)])),
      };
    }
    default:
      throw new Error(kind);
  }
}

export const EXTENSIONS = [
  'hop',
  'options',
  'home',
  'authentication',
  'route0',
  'route2',
  'route3',
  'route4',
];

/** Extension headers in any order, chained; `fragment` is among them where there is to be one. */
export function extensions(
  dice: Dice,
  kinds: string[],
  start: number,
  pseudo: Pseudo,
  fragment: Fragment,
  last: number,
): { first: number; bytes: Buffer } {
  const parts: Buffer[] = [];
  let first = last;
  let before: Buffer | null = null;
  let at = start;
  for (const kind of kinds) {
    const { type, bytes } = extension(dice, kind, at, pseudo, fragment);
    if (before === null) first = type;
    else before[0] = type;
    before = bytes;
    parts.push(bytes);
    at += bytes.length;
  }
  if (before !== null) before[0] = last;
  return { first, bytes: Buffer.concat(parts) };
}

export function link(dice: Dice, type: number): Headers {
  const tags = Array.from({ length: dice.of(0, 0, 1, 2) }, () =>
    words(dice.of(0x8100, 0x88a8), dice.upTo(0xffff)),
  );
  const name = tags.map(() => 'vlan').join('+');
  return { name, bytes: Buffer.concat([dice.bytes(12), ...tags, words(type)]) };
}
