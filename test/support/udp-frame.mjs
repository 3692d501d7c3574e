// @ts-check
// Frames for a rig whose receiver checks their content.
import { fillDatagram } from '../../rig/pattern.mjs';

const HEADERS = 42;

/**
 * A UDP packet of `length` bytes over IPv4, link header included, between the addresses of a veth
 * rig. The content is that of a datagram with this sequence and seed.
 *
 * @param {{ port: number, seed: number }} to @param {number} sequence @param {number} length
 */
export function udpFrame({ port, seed }, sequence, length) {
  const bytes = Buffer.alloc(length);
  bytes.write('0200c6120002' + '0200c6120001' + '0800', 'hex');
  bytes.write('450000000000000040110000c6120001c6120002', 14, 'hex');
  bytes.writeUInt16BE(length - 14, 16);
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes.writeUInt16BE(~sum & 0xffff, 24);
  bytes.writeUInt16BE(1024, 34);
  bytes.writeUInt16BE(port, 36);
  bytes.writeUInt16BE(length - 34, 38);
  const content = new Uint8Array(length - HEADERS);
  fillDatagram(content, sequence, seed);
  bytes.set(content, HEADERS);
  return bytes;
}
