import { isIP } from 'node:net';
import { invalidArgument } from '../../base/errors.js';
import { checkInteger, checkObject, checkString, propertyOf } from '../../base/validate.js';
import { type SocketAddress, UdpDestination, type ZeroCopySocket } from '../../index.js';
import { rangeError } from '../base/errors.js';
import { checkFunction, checkKeys, checkPositive } from '../base/validate.js';
import type { AnyField } from '../fields/fields.js';
import { compile, type PacketSequence, type Share } from '../fields/sequence.js';
import { type CheckedRate, checkRate, type PacketRate, type Rate } from '../pace/rate.js';
import type { PacketDescription } from '../packets/description.js';
import { Template, template } from '../packets/template.js';
import type { RunPool } from '../runs/choose-pool.js';
import {
  checkMix,
  checkOneContent,
  type MixOrder,
  type MixPart,
  type MixParts,
  type TemplateCount,
} from '../runs/mix.js';

/**
 * Writes one packet of a stream.
 * @param bytes of the buffer that it is to be written to; what they held before may be anything
 * @param number of the packet in its stream, from 0
 * @returns its length in bytes
 */
export type WritePacket = (bytes: Buffer, number: number) => number;

/** What a stream sends, when, and for how long. `C` is what its user ties to it. */
export interface StreamOptions<C = unknown> {
  /** A name for reports; default its number. */
  name?: string;
  /** A packet, as `template` of {@link GenerateOptions}. */
  template?: Template | PacketDescription;
  /** What changes from packet to packet; default nothing. */
  fields?: readonly AnyField[];
  /** Which packets; default all. */
  share?: Share;
  /** Several templates with weights in place of `template` and `fields`, as of {@link GenerateOptions}. */
  mix?: readonly MixPart[];
  /** How the kinds of a mix follow each other; default `'interleaved'`. */
  mixOrder?: MixOrder;
  /** Writes packets of your own in place of `template`. */
  write?: WritePacket;
  /** Mean bytes of a packet of `write`, 1 to 1048576: needed for a rate in bits. */
  packetBytes?: number;
  /**
   * Where its datagrams go: of a UDP socket without a remote. A numeric address of the socket's family, or a
   * {@link UdpDestination}.
   */
  to?: SocketAddress;
  /** How fast it sends; bursts are of one packet by default. */
  rate: Rate;
  /** It ends after so many packets; default never. */
  count?: number;
  /** It ends so many seconds after its start; default never. */
  seconds?: number;
  /**
   * When its first packet is due, in ms of `performance.now()`. Default: at a time within its first distance
   * of two packets, at most a second, so that those that join together do not all send at the same moments.
   */
  startAt?: number;
  /** Anything of yours: `stream.context`, and in its report. */
  context?: C;
}

const KEYS = [
  'name',
  'template',
  'fields',
  'share',
  'mix',
  'mixOrder',
  'write',
  'packetBytes',
  'to',
  'rate',
  'count',
  'seconds',
  'startAt',
  'context',
] as const satisfies readonly (keyof StreamOptions)[];

/** What the packets of a stream are made by. */
export interface Content {
  /** of the template; null where `mix` or `write` make them */
  sequence: PacketSequence | null;
  mix: MixParts | null;
  write: WritePacket | null;
  /** without the offload header; a mean of a mix, and of what `write` makes */
  packetBytes: number;
  /** what was sent of each template */
  counts: readonly TemplateCount[];
}

/** Options that hold. */
export interface CheckedStream {
  name: string | undefined;
  content: Content;
  share: Share;
  to: UdpDestination | null;
  rate: CheckedRate;
  /** of the stream: how many joined before it */
  number: number;
  count: number;
  seconds: number;
  startAt: number | undefined;
  context: unknown;
}

/** What streams send through: what their packets have to fit. */
export interface Outlet {
  socket: ZeroCopySocket;
  pool: RunPool;
  /** of a UDP socket without a remote: that of the addresses that it sends to; null: it knows where to */
  family: 4 | 6 | null;
  /** bytes of a buffer before the frame, which the socket reads as an offload header */
  header: number;
  /** bytes of the longest packet, header included; asking the socket for it takes longer than a stream */
  longest: number;
}

/**
 * @param number of the stream
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError; and what `template` and `compile` throw
 */
export function checkStream(options: StreamOptions, outlet: Outlet, number: number): CheckedStream {
  checkKeys('options', options, KEYS);
  const { name, count, seconds, startAt, to, share = {} } = options;
  if (name !== undefined) checkString('options.name', name);
  if (count !== undefined) checkInteger('options.count', count, 1, Number.MAX_SAFE_INTEGER);
  if (seconds !== undefined) checkPositive('options.seconds', seconds);
  if (startAt !== undefined && !Number.isFinite(startAt)) {
    throw invalidArgument('options.startAt', 'a time of performance.now()', startAt);
  }
  const { family } = outlet;
  if ((to !== undefined) !== (family !== null)) {
    const wanted =
      family !== null ? 'an address and a port' : 'only for a UDP socket without remote';
    throw invalidArgument('options.to', wanted, to);
  }
  const content = contentOf(options, outlet);
  return {
    name,
    content,
    share,
    to: family === null ? null : checkTo(to, family),
    rate: checkStreamRate(options.rate, content.packetBytes, number),
    number,
    count: count ?? Number.POSITIVE_INFINITY,
    seconds: seconds ?? Number.POSITIVE_INFINITY,
    startAt,
    context: options.context,
  };
}

/** Where the datagrams of a stream go, parsed once. */
function checkTo(given: unknown, family: 4 | 6): UdpDestination {
  const to = checkObject('options.to', given);
  if (to instanceof UdpDestination && to.family === family) return to;
  const address = checkString('options.to.address', propertyOf(to, 'address'));
  const port = checkInteger('options.to.port', propertyOf(to, 'port'), 1, 65_535);
  if (isIP(address) !== family) {
    const what = `options.to.address must be a numeric IPv${family} address; received '${address}'`;
    throw rangeError('ERR_ZEROSEND_INVALID_ADDRESS', what);
  }
  return new UdpDestination({ address, port });
}

/**
 * A rate of a stream: packets by themselves, and at other distances than those of another stream, unless it
 * says otherwise.
 */
export function checkStreamRate(rate: Rate, packetBytes: number, number = 0): CheckedRate {
  const checked = checkRate('options.rate', rate, packetBytes);
  const { burst, seed } = typeof rate === 'object' ? rate : ({} as Partial<PacketRate>);
  if (burst === undefined) checked.burst = 1;
  if (seed === undefined && checked.seed !== null) checked.seed = number;
  return checked;
}

function contentOf(options: StreamOptions, outlet: Outlet): Content {
  const { template: given, fields, mix, mixOrder, write, packetBytes = 0, rate, share } = options;
  const single = given !== undefined || fields !== undefined;
  const ways = [single, mix !== undefined, write !== undefined].filter(Boolean).length;
  if (ways > 1) {
    throw invalidArgument('options', 'one with one of template, mix, write', Object.keys(options));
  }
  checkOneContent(options);
  if (write === undefined) {
    if (packetBytes !== 0) {
      throw invalidArgument('options.packetBytes', 'with write only', packetBytes);
    }
    return mix === undefined
      ? sequenceOf(given as PacketDescription, fields, share, outlet)
      : mixOf(mix, mixOrder, share, outlet);
  }
  checkFunction('options.write', write);
  if (packetBytes !== 0 || (typeof rate === 'object' && rate !== null && 'bits' in rate)) {
    checkInteger('options.packetBytes', packetBytes, 1, 2 ** 20);
  }
  return { sequence: null, mix: null, write, packetBytes, counts: [{ packets: 0, bytes: 0 }] };
}

/** Packets of a mix, which have to fit socket and pool. */
export function mixOf(
  given: readonly MixPart[],
  order: MixOrder | undefined,
  share: Share | undefined,
  outlet: Outlet,
): Content {
  const mix = checkMix(given, order, share);
  checkFit('options.mix', mix.longest, mix.offload > 0, outlet);
  const { meanBytes: packetBytes, counts } = mix;
  return { sequence: null, mix, write: null, packetBytes, counts };
}

/** Packets of a template, which have to fit socket and pool. */
export function sequenceOf(
  given: Template | PacketDescription,
  fields: readonly AnyField[] | undefined,
  share: Share | undefined,
  outlet: Outlet,
): Content {
  const made = given instanceof Template ? given : template(given);
  const sequence = compile(made, fields, share);
  const offload = made.offsets.offload >= 0;
  checkFit('options.template', sequence.length, offload, outlet);
  const packetBytes = sequence.meanLength - outlet.header;
  return { sequence, mix: null, write: null, packetBytes, counts: [{ packets: 0, bytes: 0 }] };
}

/** @param length bytes of the longest packet @param offload whether there is a header before each */
function checkFit(
  name: string,
  length: number,
  offload: boolean,
  { header, longest }: Outlet,
): void {
  if (offload !== header > 0) {
    const wanted = `${header > 0}, as the socket was opened`;
    throw invalidArgument(`${name}.virtioNetHeader`, wanted, offload);
  }
  if (length > longest) {
    const what = `a packet of ${length} bytes is longer than the ${longest} that can be sent`;
    throw rangeError('ERR_ZEROSEND_FRAME_TOO_LONG', what);
  }
}
