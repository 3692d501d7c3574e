// packets: one packet as bytes. A template is made from a description; `dissect` finds the same layers in
// a captured frame; `checksum` and `pseudo-header` know what covers what.

import { invalidArgument } from '../../base/errors.js';
import { rangeError } from '../base/errors.js';
import { checkKeys } from '../base/validate.js';
import { type ChecksumLayout, writeChecksums } from './checksum.js';
import type { PacketDescription } from './description.js';
import { writeIp, writeLink, writeTransport } from './headers.js';
import { checkLayers, layersOf, type Offsets } from './layout.js';
import { checksumsOf, writeOffload } from './offload.js';

const KEYS = [
  'ethernet',
  'vlan',
  'ipv4',
  'ipv6',
  'udp',
  'tcp',
  'payload',
  'length',
  'virtioNetHeader',
] as const;

/** A packet as bytes, and where its parts are. Made by {@link template}. */
export class Template {
  /** The packet, offload header included. Not to be changed. */
  readonly bytes: Buffer;
  /** Bytes to be sent for each packet. */
  readonly length: number;
  /** Offset of each layer from the first byte; -1 for a layer that is not there. */
  readonly offsets: Readonly<Offsets>;
  /** @internal */ readonly _checksums: ChecksumLayout;

  /** @internal */
  constructor(bytes: Buffer, offsets: Offsets, checksums: ChecksumLayout) {
    this.bytes = bytes;
    this.length = bytes.length;
    this.offsets = offsets;
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
  checkLayers(description);
  const payload = payloadOf(description.payload);
  const layers = layersOf(description, payload.length);
  const bytes = Buffer.alloc(layers.length);
  bytes.set(payload, layers.offsets.payload);
  writeLink(bytes, description, layers);
  writeIp(bytes, description, layers);
  writeTransport(bytes, description, layers);
  const checksums = checksumsOf(description, layers);
  writeChecksums(bytes, 0, checksums);
  writeOffload(bytes, description, layers);
  return new Template(bytes, layers.offsets, checksums);
}

function payloadOf(value: unknown): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  throw invalidArgument('payload', 'a Uint8Array or a string', value);
}
