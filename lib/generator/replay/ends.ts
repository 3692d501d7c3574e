import type { CapturedFrame } from '../captures/captured-frame.js';
import { PROTOCOL, readWord } from '../packets/checksum.js';
import { dissect } from '../packets/dissect.js';
import type { Dissection } from '../packets/dissect-ip.js';

/** Between whom a packet goes. */
export interface Ends {
  /** the addresses as text of one byte for each byte, and the ports, or -1 */
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  family: 4 | 6;
  answersSyn: boolean;
}

type Ports = Pick<Ends, 'sourcePort' | 'destinationPort'>;

/** How many packets are remembered of which not all fragments have come; the oldest is forgotten first. */
const MOST_PACKETS = 2 ** 14;
const SYN_ACK = 0x12;

/** Tells between whom frames go, of fragments by the first of them that has come. */
export class EndsFinder {
  readonly #packets = new Map<string, Ports>();

  /** What a frame says of its ends; null: it is not IP. */
  of({ bytes, linkType, originalLength }: CapturedFrame): Ends | null {
    const text = (at: number, length: number) =>
      Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
    const found = dissect(bytes, linkType, originalLength);
    if (found === null) return null;
    const { ip, family, protocol, transport } = found;
    const size = family === 4 ? 4 : 16;
    const first = ip + (family === 4 ? 12 : 8);
    const source = text(first, size);
    const destination = text(first + size, size);
    const ports = this.#portsOf(bytes, found, source + destination);
    const isTcp = protocol === PROTOCOL.tcp && transport >= 0;
    const flags = isTcp ? (bytes[transport + 13] ?? 0) : 0;
    return { source, destination, ...ports, family, answersSyn: (flags & SYN_ACK) === SYN_ACK };
  }

  /** All fragments of a packet have the same, whichever comes first. */
  #portsOf(bytes: Uint8Array, found: Dissection, between: string): Ports {
    const { part, family, protocol } = found;
    const own = portsOf(bytes, found);
    if (part === null) return own;
    // Of IPv6 only the first fragment may tell the protocol.
    const key = `${between} ${family === 4 ? protocol : ''} ${part.id}`;
    const known = this.#packets.get(key);
    if (known !== undefined) {
      if (part.first || part.last) this.#packets.delete(key);
      return known;
    }
    if (this.#packets.size >= MOST_PACKETS) {
      this.#packets.delete(this.#packets.keys().next().value as string);
    }
    this.#packets.set(key, own);
    return own;
  }
}

function portsOf(bytes: Uint8Array, { transport, protocol }: Dissection): Ports {
  const has = protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp;
  if (!has || transport < 0 || transport + 4 > bytes.length) {
    return { sourcePort: -1, destinationPort: -1 };
  }
  const [sourcePort, destinationPort] = [
    readWord(bytes, transport),
    readWord(bytes, transport + 2),
  ];
  return { sourcePort, destinationPort };
}
