import { checkInteger } from '../../base/validate.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import type { OffloadDescription, PacketDescription } from './description.js';
import { misfit } from './misfit.js';
import type { Layer } from './protocol.js';
import { ipv4 } from './protocols/ipv4.js';
import { ipv6 } from './protocols/ipv6.js';
import { tcp } from './protocols/tcp.js';
import { udp } from './protocols/udp.js';
import type { Stack } from './stack.js';

/** Bytes of a virtio_net_hdr without its number of buffers. */
export const OFFLOAD_HEADER = 10;

/** What kernel and device do, and to which layer. */
export interface Offload {
  /** whose checksum is finished, or null */
  transport: Layer | null;
  segmentSize: number;
}

/** @throws RangeError `ERR_ZEROSEND_TEMPLATE`, `ERR_ZEROSEND_OUT_OF_RANGE` */
export function offloadOf(packet: PacketDescription, layers: readonly Layer[]): Offload | null {
  const asked = packet.virtioNetHeader;
  if (asked === undefined || asked === false) return null;
  const transport = transportOf(layers);
  if (asked === true) return { transport, segmentSize: 0 };
  const options: OffloadDescription = checkKeys('virtioNetHeader', asked, [
    'checksum',
    'segmentSize',
  ]);
  const checksum = checkBoolean('virtioNetHeader.checksum', options.checksum ?? true);
  if (checksum && transport === null) {
    throw misfit('virtioNetHeader.checksum needs one udp or tcp, whose checksum is computed');
  }
  const { segmentSize } = options;
  if (segmentSize === undefined) return { transport: checksum ? transport : null, segmentSize: 0 };
  if (!checksum) throw misfit('virtioNetHeader.segmentSize needs virtioNetHeader.checksum');
  checkInteger('virtioNetHeader.segmentSize', segmentSize, 1, 0xffff);
  return { transport, segmentSize };
}

/** The one transport: of a packet in a tunnel the header cannot say which is meant. */
function transportOf(layers: readonly Layer[]): Layer | null {
  const transports = layers.filter(({ protocol }) => protocol === udp || protocol === tcp);
  const ips = layers.filter(({ protocol }) => protocol === ipv4 || protocol === ipv6);
  const [transport] = transports;
  if (transports.length !== 1 || ips.length !== 1 || transport === undefined) return null;
  return transport.values.checksum === undefined ? transport : null;
}

/** `flags` of a virtio_net_hdr: the checksum is to be finished (virtio 1.2, 5.1.6). */
export const NEEDS_CHECKSUM = 1;
/** Its `gso_type`. */
export const GSO = { tcpv4: 1, tcpv6: 4, udp: 5 };

/** struct virtio_net_hdr, little-endian; its offsets count from the frame behind it. */
export function writeOffload(
  bytes: Buffer,
  { transport, segmentSize }: Offload,
  stack: Stack,
): void {
  if (transport === null) return;
  const { start, payload, layers } = stack;
  const datagrams = transport.protocol === udp;
  bytes[0] = NEEDS_CHECKSUM;
  bytes.writeUInt16LE(payload - start, 2);
  bytes.writeUInt16LE(transport.at - start, 6);
  bytes.writeUInt16LE(datagrams ? 6 : 16, 8);
  if (segmentSize === 0) return;
  const ip4 = layers.some(({ protocol }) => protocol === ipv4);
  bytes[1] = datagrams ? GSO.udp : ip4 ? GSO.tcpv4 : GSO.tcpv6;
  bytes.writeUInt16LE(segmentSize, 4);
}
