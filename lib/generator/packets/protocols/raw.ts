import { types } from 'node:util';
import { invalidArgument } from '../../../base/errors.js';
import type { Protocol } from '../protocol.js';

/** Bytes as they are, or text as UTF-8: what no protocol here can say. */
export const raw: Protocol = {
  name: 'raw',
  size: 0,
  more: ['bytes'],
  fields: {},
  tail: ({ bytes }, label) => contentOf(label, bytes),
};

/** Bytes, or text as UTF-8. */
export function contentOf(name: string, value: unknown): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value === 'string') return Buffer.from(value);
  if (types.isUint8Array(value)) return value;
  throw invalidArgument(name, 'a Uint8Array or a string', value);
}
