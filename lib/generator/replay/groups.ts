/** Where the destination is in an IP header. */
const DESTINATION = { 4: 16, 6: 24 };
const SOLICITATION = 135;
/** Where a neighbour solicitation has its target, and where that ends (RFC 4861). */
const TARGET = 8;
const TARGET_END = 24;
/** ff02::1:ff00:0/104, of which each address has the group that its last three bytes tell (RFC 4291, 2.7.1). */
const SOLICITED_NODE = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff);

/**
 * Whether a packet asks for the neighbour of its target by the group that this target listens to.
 * @param to where the destination is
 * @param at where the message of ICMPv6 begins
 */
export function solicitsByGroup(packet: Uint8Array, to: number, at: number): boolean {
  if (packet[at] !== SOLICITATION || at + TARGET_END > packet.length) return false;
  const prefix = SOLICITED_NODE.every((byte, i) => packet[to + i] === byte);
  const target = at + TARGET;
  return prefix && [13, 14, 15].every((i) => packet[to + i] === packet[target + i]);
}

/** Has it go to the group of the target that it has now. */
export function solicitTarget(packet: Uint8Array, to: number, at: number): void {
  packet.copyWithin(to + 13, at + TARGET + 13, at + TARGET_END);
}

/**
 * Whether an Ethernet frame goes to the group that belongs to the multicast address of its IP packet
 * (RFC 1112, RFC 2464).
 * @param ip where the packet begins
 */
export function goesToGroup(frame: Uint8Array, ip: number, family: 4 | 6): boolean {
  const group = groupOf(frame, ip, family);
  return group?.every((byte, i) => frame[i] === byte) ?? false;
}

/** Has the frame go to the group of the address that its packet has now; one that is no multicast has none. */
export function goToGroup(frame: Uint8Array, ip: number, family: 4 | 6): void {
  const group = groupOf(frame, ip, family);
  if (group !== null) frame.set(group);
}

function groupOf(frame: Uint8Array, ip: number, family: 4 | 6): number[] | null {
  const at = ip + DESTINATION[family];
  const [first = 0, b = 0, c = 0, d = 0] = frame.subarray(at, at + 4);
  if (family === 4) return first >> 4 === 0xe ? [0x01, 0x00, 0x5e, b & 0x7f, c, d] : null;
  return first === 0xff ? [0x33, 0x33, ...frame.subarray(at + 12, at + 16)] : null;
}
