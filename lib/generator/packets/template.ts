// packets: one packet as bytes. A template is a stack of layers, each of a protocol; `coverage` knows what
// its checksums cover. `dissect` finds layers in a captured frame, `pseudo-header` their checksums.

import { rangeError } from '../base/errors.js';
import { checkKeys } from '../base/validate.js';
import { type Checksum, checksumsOf, writeChecksums } from './coverage.js';
import type { PacketDescription } from './description.js';
import { OFFLOAD_HEADER, offloadOf, writeOffload } from './offload.js';
import type { Layer } from './protocol.js';
import { buildStack, type Stack } from './stack.js';

const KEYS = [
  'ethernet',
  'vlan',
  'ipv4',
  'ipv6',
  'udp',
  'tcp',
  'layers',
  'payload',
  'length',
  'virtioNetHeader',
] as const;

/** Where the usual layers of a packet begin, the outermost of each; -1: it is not there. */
export interface Offsets {
  /** the virtio_net_hdr */
  offload: number;
  /** the Ethernet header */
  ethernet: number;
  /** the two bytes with the id, of each tag from the outside in */
  vlans: readonly number[];
  /** the IPv4 header */
  ipv4: number;
  /** the IPv6 header */
  ipv6: number;
  /** the UDP header */
  udp: number;
  /** the TCP header */
  tcp: number;
  /** what follows the last header */
  payload: number;
}

/** A header of a template. */
export interface TemplateLayer {
  /** How fields call it: `'ipv4'`, or `'ipv4[1]'` for the second of several. */
  readonly name: string;
  /** From the first byte of the template. */
  readonly offset: number;
  /** Bytes of the header. */
  readonly length: number;
}

/** A packet as bytes, and where its parts are. Made by {@link template}. */
export class Template {
  /** The packet, offload header included. Not to be changed. */
  readonly bytes: Buffer;
  /** Bytes to be sent for each packet. */
  readonly length: number;
  /** Offset of each of the usual layers from the first byte; -1 for a layer that is not there. */
  readonly offsets: Readonly<Offsets>;
  /** All headers, from the outside in. */
  readonly layers: readonly TemplateLayer[];
  /** @internal */ readonly _stack: readonly Layer[];
  /** @internal */ readonly _checksums: readonly Checksum[];

  /** @internal */
  constructor(bytes: Buffer, stack: Stack, checksums: readonly Checksum[]) {
    this.bytes = bytes;
    this.length = bytes.length;
    this.offsets = offsetsOf(stack);
    this.layers = stack.layers.map(({ label, at, header }) => {
      return { name: label, offset: at, length: header };
    });
    this._stack = stack.layers;
    this._checksums = checksums;
  }

  /**
   * Lays the packet to the beginning of a buffer: the `init` of a pool or a ring socket.
   * @throws RangeError `ERR_ZEROSEND_FRAME_TOO_LONG` when it does not fit
   */
  readonly init = (bytes: Uint8Array): void => {
    checkFits(this.length, bytes);
    bytes.set(this.bytes);
  };
}

/** Throws unless a packet fits a buffer of a pool. */
export function checkFits(length: number, bytes: Uint8Array): void {
  if (length <= bytes.length) return;
  throw rangeError(
    'ERR_ZEROSEND_FRAME_TOO_LONG',
    `a packet of ${length} bytes does not fit a buffer of ${bytes.length}`,
  );
}

/**
 * Makes the bytes of a packet, with all lengths, types and checksums right.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
 * `ERR_ZEROSEND_INVALID_ADDRESS`, `ERR_ZEROSEND_TEMPLATE` for layers that do not fit together
 * @example
 * ```js
 * import { template } from 'zerosend/generator';
 *
 * const { bytes, offsets } = template({
 *   ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
 *   ipv6: { source: '2001:2::1', destination: '2001:2::2' },
 *   udp: { source: 1024, destination: 9 },
 *   payload: 'hello',
 * });
 * console.log(bytes.toString('hex'), offsets.payload);
 * ```
 */
export function template(description: PacketDescription): Template {
  checkKeys('description', description, KEYS);
  const start = description.virtioNetHeader ? OFFLOAD_HEADER : 0;
  const { bytes, ...stack } = buildStack(description, start);
  const offload = offloadOf(description, stack.layers);
  const checksums = checksumsOf(stack.layers, offload?.transport ?? null);
  writeChecksums(bytes, 0, checksums);
  if (offload) writeOffload(bytes, offload, stack);
  return new Template(bytes, stack, checksums);
}

function offsetsOf({ layers, start, payload }: Stack): Offsets {
  const all = (name: string) => layers.filter(({ protocol }) => protocol.name === name);
  const first = (name: string) => all(name)[0]?.at ?? -1;
  return {
    offload: start > 0 ? 0 : -1,
    ethernet: first('ethernet'),
    vlans: all('vlan').map(({ at }) => at),
    ipv4: first('ipv4'),
    ipv6: first('ipv6'),
    udp: first('udp'),
    tcp: first('tcp'),
    payload,
  };
}
