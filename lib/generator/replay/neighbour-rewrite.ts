import type { Layers } from './layers.js';

/** By the type of a message: where its options begin, and where its addresses are (RFC 4861). */
const MESSAGES: Readonly<Record<number, { options: number; addresses: readonly number[] }>> = {
  133: { options: 8, addresses: [] }, // router solicitation
  134: { options: 16, addresses: [] }, // router advertisement
  135: { options: 24, addresses: [8] }, // neighbour solicitation
  136: { options: 24, addresses: [8] }, // neighbour advertisement
  137: { options: 40, addresses: [8, 24] }, // redirect
};

/** A router or neighbour message of ICMPv6, up to the end of its packet. */
export function rewriteNeighbourDiscovery(rewriter: Layers, packet: Uint8Array, at: number): void {
  const { options, addresses } = MESSAGES[packet[at] as number] as (typeof MESSAGES)[number];
  if (at + options > packet.length) {
    rewriter.kinds.add('neighbourDiscovery');
    return;
  }
  for (const place of addresses) rewriter.rules.addresses.rewrite(packet, at + place, 6);
  for (let option = at + options; option < packet.length; ) {
    const length = 8 * (packet[option + 1] ?? 0);
    const there = length > 0 && option + length <= packet.length;
    if (!there || !rewriteOption(rewriter, packet, option, length)) {
      rewriter.kinds.add('neighbourDiscovery');
    }
    if (!there) return;
    option += length;
  }
}

const LINK_ADDRESSES = [1, 2]; // of the source, of the target
const PREFIX = 3;
const REDIRECTED = 4;
const ROUTE = 24; // RFC 4191
const RESOLVERS = 25; // RFC 8106
/** Options without an address: MTU, nonce, timestamp, search lists, flags. */
const WITHOUT = [5, 13, 14, 26, 31];

/** Returns whether all addresses in it were reached. */
function rewriteOption(rewriter: Layers, packet: Uint8Array, at: number, length: number): boolean {
  const type = packet[at] as number;
  const { addresses, ethernet } = rewriter.rules;
  if (LINK_ADDRESSES.includes(type)) {
    return length === 8 ? ethernet.within(packet, at + 2) : ethernet.isEmpty;
  }
  if (WITHOUT.includes(type)) return true;
  if (type === PREFIX && length === 32) {
    addresses.rewrite(packet, at + 16, 6);
    return true;
  }
  if (type === ROUTE && (length === 8 || length === 24)) {
    if (length === 24) addresses.rewrite(packet, at + 8, 6);
    return true;
  }
  if (type === RESOLVERS && length % 16 === 8) {
    for (let place = at + 8; place < at + length; place += 16) addresses.rewrite(packet, place, 6);
    return true;
  }
  if (type !== REDIRECTED) return false;
  const quoted = packet.subarray(0, at + length);
  rewriter.inside('neighbourDiscovery', (inner) => inner.packet(quoted, at + 8, 6, at + length));
  return true;
}
