import { readFileSync } from 'node:fs';
import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkString } from '../../base/validate.js';
import { checkKeys } from '../base/validate.js';
import { contentOf } from '../packets/protocols/raw.js';
import { ORDER_KEYS } from './choice.js';
import { dnsQuery } from './dns-query.js';
import type { PayloadField, PayloadText } from './fields.js';

/** Payloads one behind the other in one memory. */
export interface Payloads {
  readonly bytes: Buffer;
  /** the same bytes */
  readonly words: DataView;
  /** where each begins, and behind them where the last one ends */
  readonly starts: Int32Array;
}

const MOST_BYTES = 2 ** 30;

/** How an entry that is text becomes bytes. */
const READ: Readonly<Record<PayloadText, (name: string, text: Uint8Array) => Uint8Array>> = {
  text: (_, text) => text,
  hex: (name, text) => {
    const digits = Buffer.from(text).toString('latin1').replace(/\s/g, '');
    if (!/^([\da-f]{2})*$/i.test(digits)) throw invalidArgument(name, 'hexadecimal', digits);
    return Buffer.from(digits, 'hex');
  },
  dns: (name, text) => dnsQuery(name, Buffer.from(text).toString('utf8')),
};

/**
 * Reads the payloads of a field.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`; errors of the file system
 */
export function readPayloads(name: string, field: PayloadField): Payloads {
  const ways = ['list', 'file', 'records'] as const;
  checkKeys(name, field, ['target', ...ways, 'as', 'before', 'after', ...ORDER_KEYS]);
  const [way = null, ...more] = ways.filter((one) => one in field);
  if (way === null || more.length > 0) {
    throw invalidArgument(name, 'one with one of list, file and records', field);
  }
  const before = contentOf(`${name}.before`, field.before);
  const after = contentOf(`${name}.after`, field.after);
  const { as } = field as { as?: unknown };
  if (as !== undefined && (way === 'records' || !Object.hasOwn(READ, as as string))) {
    throw invalidArgument(
      `${name}.as`,
      way === 'records' ? 'left out' : "'text', 'hex' or 'dns'",
      as,
    );
  }
  const read = READ[(as as PayloadText | undefined) ?? 'text'];
  const writer = new Writer(`${name}.${way}`);
  for (const { where, entry } of entriesOf(name, field)) {
    const textual = typeof entry === 'string' || way === 'file';
    const content = contentOf(where, entry);
    writer.add(before, textual ? read(where, content) : content, after);
  }
  return writer.finish(field);
}

/** Where an entry stands, for errors, and what it is. */
interface Entry {
  where: string;
  entry: unknown;
}

function* entriesOf(name: string, field: PayloadField): Generator<Entry, void, void> {
  if ('list' in field) {
    if (!Array.isArray(field.list)) throw invalidArgument(`${name}.list`, 'an array', field.list);
    for (const [i, entry] of field.list.entries()) {
      if (entry === undefined) contentOf(`${name}.list[${i}]`, null);
      yield { where: `${name}.list[${i}]`, entry };
    }
  } else if ('file' in field) {
    const path = checkString(`${name}.file`, field.file);
    yield* linesOf(path, readFileSync(path));
  } else {
    const path = checkString(`${name}.records`, field.records);
    yield* recordsOf(path, readFileSync(path));
  }
}

function* linesOf(path: string, bytes: Buffer): Generator<Entry, void, void> {
  for (let at = 0, line = 1; at < bytes.length; line++) {
    const found = bytes.indexOf(0x0a, at);
    const next = found < 0 ? bytes.length : found;
    const end = next > at && bytes[next - 1] === 0x0d ? next - 1 : next;
    if (end > at) yield { where: `${path}:${line}`, entry: bytes.subarray(at, end) };
    at = next + 1;
  }
}

function* recordsOf(path: string, bytes: Buffer): Generator<Entry, void, void> {
  for (let at = 0; at < bytes.length; ) {
    const left = bytes.length - at - 2;
    const length = left < 0 ? 0 : bytes.readUInt16BE(at);
    if (left < length) {
      throw outOfRange(`${path}: the record at byte ${at}`, `in the file as a whole`, left);
    }
    yield {
      where: `${path}: the record at byte ${at}`,
      entry: bytes.subarray(at + 2, at + 2 + length),
    };
    at += 2 + length;
  }
}

/** Puts payloads one behind the other. */
class Writer {
  readonly #name: string;
  #bytes = Buffer.alloc(1024);
  #at = 0;
  readonly #starts: number[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  add(...parts: readonly Uint8Array[]): void {
    this.#starts.push(this.#at);
    const end = parts.reduce((sum, { length }) => sum + length, this.#at);
    if (end > MOST_BYTES) throw outOfRange(this.#name, `at most ${MOST_BYTES} bytes in all`, end);
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    for (const part of parts) {
      this.#bytes.set(part, this.#at);
      this.#at += part.length;
    }
  }

  finish(received: unknown): Payloads {
    if (this.#starts.length === 0) {
      throw invalidArgument(this.#name, 'one with at least one entry', received);
    }
    const starts = Int32Array.from(this.#starts.concat(this.#at));
    const bytes = this.#bytes.subarray(0, this.#at);
    return { bytes, words: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), starts };
  }
}
