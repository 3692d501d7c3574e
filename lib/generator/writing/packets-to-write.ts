import { types } from 'node:util';
import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import type { AnyField } from '../fields/fields.js';
import { compile, type PacketSequence } from '../fields/sequence.js';
import type { PacketDescription } from '../packets/description.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { offloadedFrames } from '../packets/segments.js';
import { Template, template as templateOf } from '../packets/template.js';
import { checkMix, checkOneContent, type MixOrder, type MixPart, scheduleOf } from '../runs/mix.js';

/** A packet that is written: its bytes, or with what is known of it, such as a `CapturedFrame`. */
export type PacketToWrite =
  | Uint8Array
  | {
      /** What is written of it. */
      bytes: Uint8Array;
      /** Nanoseconds since 1970; null or left out: as of bytes alone. */
      time?: bigint | null;
      /** Bytes that it had; default: those that are there. */
      originalLength?: number;
      /** LINKTYPE_ number; default that of the options. */
      linkType?: number;
    };

/** What a capture is written of: one of `packets`, `template` and `mix`. */
export interface PacketsToWrite {
  /** Any sequence of packets. */
  packets?: Iterable<PacketToWrite> | AsyncIterable<PacketToWrite>;
  /** As of `generate`. */
  template?: Template | PacketDescription;
  /** As of `generate`. */
  fields?: readonly AnyField[];
  /** As of `generate`. */
  mix?: readonly MixPart[];
  /** As of `generate`. */
  mixOrder?: MixOrder;
  /** Number of the first packet of `template` or `mix`; default 0. */
  first?: number;
}

/** Packets as they come, with what each becomes in the file. */
export interface Source {
  packets: Iterable<PacketToWrite> | AsyncIterable<PacketToWrite>;
  /** LINKTYPE_ number of those that have none; null: it follows from nothing */
  linkType: number | null;
  /** bytes that stand before a packet, for kernel and device */
  offload: number;
  /** the frames that a packet leaves as */
  framesOf(packet: Uint8Array): readonly Uint8Array[];
}

const ETHERNET = 1;
const RAW_IP = 101;
/** By the name of the outermost layer. */
const LINK_TYPES: Readonly<Record<string, number>> = {
  ethernet: ETHERNET,
  ipv4: RAW_IP,
  ipv6: RAW_IP,
};

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; what `template`, `compile` and a mix throw */
export function sourceOf(options: PacketsToWrite): Source {
  const { packets, template, fields, mix, mixOrder, first = 0 } = options;
  const given = [packets, template, mix].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw invalidArgument('options', 'one with packets, template or mix', Object.keys(options));
  }
  checkOneContent(options);
  checkInteger('options.first', first, 0, Number.MAX_SAFE_INTEGER);
  if (packets !== undefined) {
    if (fields !== undefined || options.first !== undefined) {
      throw invalidArgument(
        'options',
        'without fields or first, if it has packets',
        Object.keys(options),
      );
    }
    return { packets: checkIterable(packets), linkType: ETHERNET, offload: 0, framesOf: itself };
  }
  if (mix === undefined) {
    const made =
      template instanceof Template ? template : templateOf(template as PacketDescription);
    const sequence = compile(made, fields, { first });
    return { packets: stampedBy([sequence], [0], 0), ...leaving([sequence]) };
  }
  const { parts } = checkMix(mix, mixOrder, { first });
  const schedule = scheduleOf(
    mix.map(({ weight = 1 }) => weight),
    mixOrder ?? 'interleaved',
  );
  return { packets: stampedBy(parts, schedule, first % schedule.length), ...leaving(parts) };
}

const itself = (packet: Uint8Array) => [packet];

function checkIterable(packets: object): NonNullable<PacketsToWrite['packets']> {
  const iterable = Object(packets) as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  if (
    !types.isUint8Array(packets) &&
    (iterable[Symbol.asyncIterator] ?? iterable[Symbol.iterator])
  ) {
    return packets as NonNullable<PacketsToWrite['packets']>;
  }
  throw invalidArgument('options.packets', 'an iterable of packets', packets);
}

/** Packets of templates without end. Each holds until the next of its template is made. */
function* stampedBy(
  parts: readonly PacketSequence[],
  schedule: ArrayLike<number>,
  from: number,
): Generator<Uint8Array> {
  const buffers = parts.map((sequence) => {
    const buffer = new Uint8Array(sequence.length);
    sequence.init(buffer);
    return buffer;
  });
  for (let at = from; ; at = (at + 1) % schedule.length) {
    const part = schedule[at] as number;
    const buffer = buffers[part] as Uint8Array;
    const length = (parts[part] as PacketSequence).stamp(buffer);
    yield length === buffer.length ? buffer : buffer.subarray(0, length);
  }
}

/** What kernel and device would make of them, and the link type of that. */
function leaving(parts: readonly PacketSequence[]): Omit<Source, 'packets'> {
  const types = parts.map(
    ({ template: { layers } }) => LINK_TYPES[layers[0]?.name.replace(/\[.*/, '') ?? ''],
  );
  const [linkType = null] = types;
  if (types.some((type) => (type ?? null) !== linkType)) {
    throw invalidArgument('options.mix', 'templates that begin with one kind of layer', types);
  }
  const offload = (parts[0]?.template.offsets.offload ?? -1) < 0 ? 0 : OFFLOAD_HEADER;
  const cut = (packet: Uint8Array) => offloadedFrames(packet, linkType ?? ETHERNET);
  return { linkType, offload, framesOf: offload > 0 ? cut : itself };
}

/** Checks a packet of a sequence that is not ours. */
export function checkPacket(packet: unknown, number: number): Exclude<PacketToWrite, Uint8Array> {
  if (types.isUint8Array(packet)) return { bytes: packet };
  const name = `options.packets: packet ${number}`;
  const { bytes, time, originalLength, linkType } = Object(packet) as Exclude<
    PacketToWrite,
    Uint8Array
  >;
  if (!types.isUint8Array(bytes))
    throw invalidArgument(name, 'a Uint8Array, or an object with bytes', packet);
  if (time !== undefined && time !== null && typeof time !== 'bigint') {
    throw invalidArgument(`${name}.time`, 'a bigint', time);
  }
  if (originalLength !== undefined)
    checkInteger(`${name}.originalLength`, originalLength, bytes.length, 0xffff_ffff);
  if (linkType !== undefined) checkInteger(`${name}.linkType`, linkType, 0, 0xffff);
  return packet as Exclude<PacketToWrite, Uint8Array>;
}
