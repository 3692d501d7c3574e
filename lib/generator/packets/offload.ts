import { checkInteger } from '../../base/validate.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import type { ChecksumLayout } from './checksum.js';
import type { OffloadDescription, PacketDescription } from './description.js';
import { type Layers, misfit } from './layout.js';

/** Which checksums are computed, and kept right by fields. */
export function checksumsOf(packet: PacketDescription, layers: Layers): ChecksumLayout {
  const { ipv4, udp, tcp } = packet;
  const { offsets } = layers;
  const transport = Math.max(offsets.udp, offsets.tcp);
  const computed = (udp ?? tcp) !== undefined && (udp ?? tcp)?.checksum === undefined;
  return {
    ipv4: offsets.ipv4,
    ipv4Checksum: ipv4 && ipv4.checksum === undefined ? offsets.ipv4 + 10 : -1,
    ip: Math.max(offsets.ipv4, offsets.ipv6),
    family: ipv4 ? 4 : 6,
    transport,
    transportChecksum: computed ? transport + (udp ? 6 : 16) : -1,
    end: layers.length,
    udp: udp !== undefined,
    partial: computed && offloadOf(packet)?.checksum === true,
  };
}

function offloadOf(packet: PacketDescription): OffloadDescription | null {
  const asked = packet.virtioNetHeader;
  if (asked === undefined || asked === false) return null;
  const transport = packet.udp ?? packet.tcp;
  if (asked === true) return { checksum: transport !== undefined && !transport.checksum };
  checkKeys('virtioNetHeader', asked, ['checksum', 'segmentSize']);
  const checksum = checkBoolean('virtioNetHeader.checksum', asked.checksum ?? true);
  if (checksum && (!transport || transport.checksum !== undefined)) {
    throw misfit('virtioNetHeader.checksum needs udp or tcp whose checksum is computed');
  }
  if (asked.segmentSize === undefined) return { checksum };
  if (!checksum) throw misfit('virtioNetHeader.segmentSize needs virtioNetHeader.checksum');
  checkInteger('virtioNetHeader.segmentSize', asked.segmentSize, 1, 0xffff);
  return { checksum, segmentSize: asked.segmentSize };
}

/** `flags` of a virtio_net_hdr: the checksum is to be finished (virtio 1.2, 5.1.6). */
export const NEEDS_CHECKSUM = 1;
/** Its `gso_type`. */
export const GSO = { tcpv4: 1, tcpv6: 4, udp: 5 };

/** struct virtio_net_hdr, little-endian; its offsets count from the frame behind it. */
export function writeOffload(bytes: Buffer, packet: PacketDescription, layers: Layers): void {
  const offload = offloadOf(packet);
  if (!offload) return;
  const { offsets, start } = layers;
  if (offload.checksum) {
    const transport = Math.max(offsets.udp, offsets.tcp);
    bytes[0] = NEEDS_CHECKSUM;
    bytes.writeUInt16LE(offsets.payload - start, 2);
    bytes.writeUInt16LE(transport - start, 6);
    bytes.writeUInt16LE(packet.udp ? 6 : 16, 8);
  }
  if (offload.segmentSize !== undefined) {
    bytes[1] = packet.udp ? GSO.udp : packet.ipv4 ? GSO.tcpv4 : GSO.tcpv6;
    bytes.writeUInt16LE(offload.segmentSize, 4);
  }
}
