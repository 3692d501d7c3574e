import { invalidArgument } from '../../base/errors.js';
import { checkInteger, checkObject } from '../../base/validate.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import { parseAddress } from './addresses.js';
import type { PacketDescription } from './description.js';
import { misfit } from './misfit.js';
import { type FieldSpec, fieldsOf, type Layer, numberOf, type Protocol } from './protocol.js';
import { PROTOCOLS } from './protocols/index.js';
import { contentOf } from './protocols/raw.js';

const MOST_LAYERS = 64;
/** Bytes of the longest packet. */
export const LONGEST = 2 ** 20;

/** Layers that have their places in a packet. */
export interface Stack {
  layers: readonly Layer[];
  /** where the outermost layer begins: behind the offload header */
  start: number;
  /** behind the last header */
  payload: number;
  length: number;
}

interface Asked {
  protocol: Protocol;
  values: Readonly<Record<string, unknown>>;
}

type Placed = { -readonly [K in keyof Layer]: Layer[K] } & { tail: Uint8Array };

const SHORT_KEYS = ['ethernet', 'vlan', 'ipv4', 'ipv6', 'udp', 'tcp'] as const;

/**
 * Places the layers one behind the other, and writes their headers into new memory, all checksums 0.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_TEMPLATE`,
 * `ERR_ZEROSEND_OUT_OF_RANGE`, `ERR_ZEROSEND_INVALID_ADDRESS`
 */
export function buildStack(
  description: PacketDescription,
  start: number,
): Stack & { bytes: Buffer } {
  const payload = contentOf('payload', description.payload);
  const asked = description.layers === undefined ? shortForm(description) : longForm(description);
  const stack = place(asked, description, payload.length, start);
  const bytes = Buffer.alloc(stack.length);
  for (const layer of stack.layers) writeHeader(bytes, layer);
  bytes.set(payload, stack.payload);
  return { ...stack, bytes };
}

/** The layers that have a key of their own, in the order in which they lie. */
function shortForm(packet: PacketDescription): Asked[] {
  const { ethernet, vlan, ipv4, ipv6, udp, tcp } = packet;
  const vlans = vlan === undefined ? [] : [vlan].flat();
  if (ipv4 && ipv6) throw misfit('a packet has either ipv4 or ipv6; `layers` takes both');
  if (udp && tcp) throw misfit('a packet has either udp or tcp; `layers` takes both');
  if ((udp ?? tcp) && !(ipv4 ?? ipv6)) {
    throw misfit(`${udp ? 'udp' : 'tcp'} needs ipv4 or ipv6 below it`);
  }
  const asked: Asked[] = [];
  const add = (name: keyof typeof PROTOCOLS, values: object | undefined) => {
    if (values) asked.push({ protocol: PROTOCOLS[name], values: { ...objectOf(name, values) } });
  };
  add('ethernet', ethernet);
  for (const tag of vlans) add('vlan', tag);
  // What an Ethernet header is given for its type lies behind the tags.
  const inner = asked.at(-1)?.values as Record<string, unknown> | undefined;
  if (ethernet && inner && vlans.length > 0 && ethernet.type !== undefined) {
    inner.type = ethernet.type;
    delete (asked[0] as { values: Record<string, unknown> }).values.type;
  }
  add('ipv4', ipv4);
  add('ipv6', ipv6);
  add('udp', udp);
  add('tcp', tcp);
  return asked;
}

function longForm(packet: PacketDescription): Asked[] {
  const { layers } = packet;
  if (!Array.isArray(layers)) throw invalidArgument('layers', 'an array', layers);
  const short = SHORT_KEYS.find((key) => packet[key] !== undefined);
  if (short !== undefined) throw misfit(`a packet has either layers or ${short}`);
  if (layers.length > MOST_LAYERS) throw misfit(`a packet has at most ${MOST_LAYERS} layers`);
  return layers.map((layer, i) => askedFor(`layers[${i}]`, layer));
}

function askedFor(name: string, layer: object): Asked {
  const { protocol, values = {} } = objectOf(name, layer) as Partial<Asked>;
  if (protocol !== undefined) {
    const { name: own, fields } = objectOf(`${name}.protocol`, protocol) as Protocol;
    if (typeof own !== 'string' || !/^[a-z]\w*$/i.test(own) || fields === undefined) {
      throw invalidArgument(`${name}.protocol`, 'a protocol with a name and fields', protocol);
    }
    return { protocol, values: { ...objectOf(own, values) } };
  }
  const [key = '', ...more] = Object.keys(layer);
  if (!Object.hasOwn(PROTOCOLS, key) || more.length > 0) {
    const one = `one with one of ${Object.keys(PROTOCOLS).join(', ')}`;
    throw invalidArgument(name, one, layer);
  }
  const given = (layer as Record<string, unknown>)[key];
  const own = key === 'raw' ? { bytes: given } : { ...objectOf(`${name}.${key}`, given) };
  return { protocol: PROTOCOLS[key as keyof typeof PROTOCOLS], values: own };
}

function objectOf(name: string, value: unknown): object {
  checkObject(name, value);
  return value as object;
}

function place(
  asked: readonly Asked[],
  { length: wanted }: PacketDescription,
  payload: number,
  start: number,
): Stack {
  let at = start;
  const layers = asked.map(({ protocol, values }, i): Placed => {
    const before = asked.slice(0, i).filter(({ protocol: { name } }) => name === protocol.name);
    const all = asked.filter(({ protocol: { name } }) => name === protocol.name);
    const label = all.length > 1 ? `${protocol.name}[${before.length}]` : protocol.name;
    const fields = fieldsOf({ protocol, values });
    checkKeys(label, values, [...Object.keys(fields), ...(protocol.more ?? [])]);
    const tail = protocol.tail?.(values, label) ?? new Uint8Array(0);
    const size = typeof protocol.size === 'function' ? protocol.size(values) : protocol.size;
    const header = checkInteger(`${label}.size`, size, 0, LONGEST) + tail.length;
    at += header;
    const place = { at: at - header, header, content: 0, below: null, above: null };
    return { protocol, values, label, tail, ...place };
  });
  let length = at + payload;
  if (wanted !== undefined) {
    checkInteger('length', wanted, 1, LONGEST);
    if (wanted + start < length) {
      throw misfit(`length is ${wanted}, but the packet has ${length - start} bytes`);
    }
    length = wanted + start;
  }
  if (length === start) throw misfit('a packet has at least one byte');
  return { layers: resized(layers, length), start, payload: at, length };
}

/** The same layers in a packet of another length: each with its content, and those beside it. */
export function resized<L extends Layer>(layers: readonly L[], length: number): L[] {
  const all = layers.map((layer): Links & L => {
    return { ...layer, content: length - layer.at - layer.header };
  });
  for (const [i, layer] of all.entries()) {
    layer.below = all[i - 1] ?? null;
    layer.above = all[i + 1] ?? null;
  }
  return all;
}

interface Links {
  below: Layer | null;
  above: Layer | null;
}

function writeHeader(bytes: Buffer, layer: Layer): void {
  const { protocol, label, at, header, below } = layer;
  const { needs } = protocol;
  const tells = ({ next }: FieldSpec) => next === needs;
  if (needs !== undefined && !(below && Object.values(fieldsOf(below)).some(tells))) {
    throw misfit(`${label} needs a layer below it with a number for what follows (${needs})`);
  }
  protocol.check?.(layer);
  for (const [name, spec] of Object.entries(fieldsOf(layer))) {
    if (spec.at + spec.width > header) throw misfit(`${label}.${name} lies outside of its header`);
    writeField(bytes, at + spec.at, spec, contentsOf(layer, name, spec));
  }
  const { tail } = layer as Placed;
  bytes.set(tail, at + header - tail.length);
}

/** What a field holds: a number, or the bytes of an address. */
function contentsOf(layer: Layer, field: string, spec: FieldSpec): number | Uint8Array {
  const name = `${layer.label}.${field}`;
  const given = layer.values[field];
  const most = 2 ** (spec.bits ?? 8 * spec.width) - 1;
  if (spec.checksum !== undefined) {
    const worked = given === undefined || given === true || given === 'none';
    return worked ? 0 : checkInteger(name, given as number, 0, most);
  }
  if (given === undefined) {
    const value = workedOut(layer, name, spec);
    if (typeof value === 'string' || value === undefined) return read(name, spec, layer, value);
    if (value <= most) return value;
    throw misfit(`${name} holds at most ${most}; the packet needs ${value}`);
  }
  return read(name, spec, layer, given);
}

/** The value of a field that is not given; undefined: there is none. */
export function workedOut(
  layer: Layer,
  name: string,
  spec: FieldSpec,
): number | string | undefined {
  const { above } = layer;
  if (spec.next !== undefined) {
    const number = above && numberOf(above, spec.next);
    if (number !== null) return number;
    if (spec.default === undefined) {
      const why = above ? `${above.label} has no number there` : 'no layer follows';
      throw misfit(`${name} is needed, since ${why}`);
    }
  }
  const standard = typeof spec.default === 'function' ? spec.default(layer) : spec.default;
  return typeof standard === 'boolean' ? Number(standard) : standard;
}

function read(name: string, spec: FieldSpec, layer: Layer, value: unknown): number | Uint8Array {
  const most = 2 ** (spec.bits ?? 8 * spec.width) - 1;
  if (spec.address !== undefined) return parseAddress(name, spec.address, value);
  if (spec.boolean === true) return Number(checkBoolean(name, value as boolean));
  const number = spec.encode ? spec.encode(name, value, layer) : value;
  return checkInteger(name, number as number, 0, most);
}

/** Fields of one header do not share bits, and these were 0. */
function writeField(bytes: Buffer, at: number, spec: FieldSpec, value: number | Uint8Array): void {
  if (typeof value !== 'number') {
    bytes.set(value, at);
    return;
  }
  const { width, shift = 0, littleEndian = false } = spec;
  const number = BigInt(value) << BigInt(shift);
  for (let i = 0; i < width; i++) {
    const right = BigInt(littleEndian ? i : width - 1 - i); // bytes that hold lower bits
    bytes[at + i] = (bytes[at + i] as number) | Number((number >> (8n * right)) & 0xffn);
  }
}
