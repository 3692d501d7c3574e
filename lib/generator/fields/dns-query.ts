import { invalidArgument, outOfRange } from '../../base/errors.js';

/** Types of records by their names (RFC 1035, 3596, 2782, 3403, 4034, 6698, 9460, 8659; `*` is any). */
const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  DNSKEY: 48,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  CAA: 257,
  ANY: 255,
};

const HEADER = 12;
const RECURSION_DESIRED = 1;
const INTERNET = 1;
const LONGEST_LABEL = 63;
const LONGEST_NAME = 255;

/**
 * The message that asks for a name (RFC 1035, section 4.1): id 0, recursion desired, one question.
 * @param text `'example.com'`, or with a type behind it: `'example.com AAAA'`, `'example.com TYPE65'`
 */
export function dnsQuery(name: string, text: string): Buffer {
  const [host = '', type = 'A', ...more] = text.trim().split(/\s+/);
  const known = /^TYPE\d+$/i.test(type) ? Number(type.slice(4)) : TYPES[type.toUpperCase()];
  if (known === undefined || known > 0xffff || more.length > 0) {
    throw invalidArgument(name, 'a name, or a name and the type of a record', text);
  }
  const labels = host === '.' ? [] : host.replace(/\.$/, '').split('.');
  const encoded = labels.map((label) => Buffer.from(label));
  const size = encoded.reduce((sum, { length }) => sum + 1 + length, 1);
  if (size > LONGEST_NAME || encoded.some(({ length }) => length < 1 || length > LONGEST_LABEL)) {
    throw outOfRange(name, 'a name of labels of 1 to 63 bytes, 255 in all', text);
  }
  const message = Buffer.alloc(HEADER + size + 4);
  message[2] = RECURSION_DESIRED;
  message[5] = 1; // questions
  let at = HEADER;
  for (const label of encoded) {
    message[at] = label.length;
    message.set(label, at + 1);
    at += 1 + label.length;
  }
  message.writeUInt16BE(known, at + 1);
  message.writeUInt16BE(INTERNET, at + 3);
  return message;
}
