// Reads packets and checks their checksums, with nothing of the library: numbers are summed up as
// they stand on the wire and taken modulo 0xffff.

export interface Parsed {
  /** offset of each layer's first byte */
  ip: number;
  family: 4 | 6 | 0;
  transport: number;
  protocol: number;
  payload: number;
  /** VLAN ids from the outside in */
  vlans: number[];
  /** what is wrong with lengths and checksums */
  problems: string[];
}

const TAGS = new Set([0x8100, 0x88a8]);

function modSum(bytes: Uint8Array, extra = 0): number {
  let sum = extra;
  for (let i = 0; i < bytes.length; i++) sum += (bytes[i] as number) * (i % 2 === 0 ? 256 : 1);
  return sum % 0xffff;
}

/** @param start where the Ethernet header is, or the IP header with `bare` */
export function parse(packet: Uint8Array, { start = 0, bare = false } = {}): Parsed {
  const b = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
  const parsed: Parsed = {
    ip: -1,
    family: 0,
    transport: -1,
    protocol: -1,
    payload: -1,
    vlans: [],
    problems: [],
  };
  const wrong = (text: string) => void parsed.problems.push(text);
  let at = start;
  if (!bare) {
    at += 12;
    while (TAGS.has(b.readUInt16BE(at))) {
      parsed.vlans.push(b.readUInt16BE(at + 2) & 0xfff);
      at += 4;
    }
    const type = b.readUInt16BE(at);
    at += 2;
    if (type !== 0x0800 && type !== 0x86dd) return { ...parsed, payload: at };
  }
  parsed.ip = at;
  const version = (b[at] as number) >> 4;
  parsed.family = version === 4 ? 4 : 6;
  let addresses: Buffer;
  let left: number;
  if (version === 4) {
    const header = ((b[at] as number) & 15) * 4;
    if (modSum(b.subarray(at, at + header)) !== 0) wrong('IPv4 header checksum');
    if (b.readUInt16BE(at + 10) === 0xffff) wrong('IPv4 header checksum 0xffff');
    if (b.readUInt16BE(at + 2) !== b.length - at) wrong('IPv4 total length');
    parsed.protocol = b[at + 9] as number;
    const options = b.subarray(at + 20, at + header);
    addresses = Buffer.concat([
      b.subarray(at + 12, at + 16),
      lastStop(options) ?? b.subarray(at + 16, at + 20),
    ]);
    left = b.readUInt16BE(at + 2) - header;
    at += header;
  } else if (version === 6) {
    if (b.readUInt16BE(at + 4) !== b.length - at - 40) wrong('IPv6 payload length');
    parsed.protocol = b[at + 6] as number;
    addresses = b.subarray(at + 8, at + 40);
    left = b.readUInt16BE(at + 4);
    at += 40;
  } else {
    wrong(`IP version ${version}`);
    return parsed;
  }
  parsed.transport = at;
  parsed.payload = at;
  if (parsed.protocol !== 6 && parsed.protocol !== 17) return parsed;
  const pseudo = parsed.protocol + left;
  const sum = modSum(Buffer.concat([addresses, b.subarray(at, at + left)]), pseudo);
  const checksum = b.readUInt16BE(at + (parsed.protocol === 17 ? 6 : 16));
  if (parsed.protocol === 17) {
    if (checksum === 0) wrong('UDP checksum 0');
    if (b.readUInt16BE(at + 4) !== left) wrong('UDP length');
    parsed.payload = at + 8;
  } else {
    if (checksum === 0xffff) wrong('TCP checksum 0xffff');
    parsed.payload = at + ((b[at + 12] as number) >> 4) * 4;
  }
  if (sum !== 0) wrong(parsed.protocol === 17 ? 'UDP checksum' : 'TCP checksum');
  return parsed;
}

/** The last address of a source route of RFC 791 that still has addresses to go to. */
function lastStop(options: Buffer): Buffer | null {
  let stop: Buffer | null = null;
  let rest = options;
  while (rest.length >= 3 && rest[0] !== 0) {
    const length = rest[0] === 1 ? 1 : (rest[1] as number);
    if (length === 0 || length > rest.length || (rest[0] !== 1 && length < 2)) break;
    const pointer = rest[2] as number;
    const isRoute = (rest[0] === 131 || rest[0] === 137) && length % 4 === 3;
    if (isRoute && pointer >= 4 && pointer % 4 === 0 && pointer < length) {
      stop = rest.subarray(length - 4, length);
    }
    rest = rest.subarray(length);
  }
  return stop;
}

/** The same for a frame behind a virtio_net_hdr, whose checksum it finishes as a device would. */
export function finishOffload(frame: Uint8Array): Buffer {
  const b = Buffer.from(frame);
  const packet = b.subarray(10);
  if (((b[0] as number) & 1) === 0) return packet;
  const start = b.readUInt16LE(6);
  const at = start + b.readUInt16LE(8);
  const partial = modSum(packet.subarray(start));
  packet.writeUInt16BE(partial === 0 ? 0xffff : 0xffff - partial, at);
  if (packet.readUInt16BE(at) === 0xffff && b.readUInt16LE(8) === 16) packet.writeUInt16BE(0, at);
  return packet;
}
