import { readWord } from '../packets/checksum.js';
import type { Layers } from './layers.js';

const LENGTH = 28;

/** ARP and RARP of IPv4 over Ethernet (RFC 826, RFC 903). */
export function rewriteArp(rewriter: Layers, frame: Uint8Array, at: number): void {
  const usual =
    at + LENGTH <= frame.length &&
    readWord(frame, at) === 1 &&
    readWord(frame, at + 2) === 0x0800 &&
    readWord(frame, at + 4) === 0x0604;
  if (!usual) {
    rewriter.kinds.add('arp');
    return;
  }
  const { addresses, ethernet } = rewriter.rules;
  for (const place of [at + 14, at + 24]) addresses.rewrite(frame, place, 4);
  const reached = [at + 8, at + 18].map((place) => ethernet.within(frame, place));
  if (reached.includes(false)) rewriter.kinds.add('arp');
}
