import type { CapturedFrame } from '../captures/captured-frame.js';
import { EndsFinder } from './ends.js';

/** Which of several workers this one is. */
export interface FlowShare {
  index: number;
  of: number;
}

/** Tells whether a frame is one of a share: both directions of a flow, and all its fragments, are of the same. */
export function inShare({ index, of }: FlowShare): (frame: CapturedFrame) => boolean {
  const finder = new EndsFinder();
  return (frame) => {
    const ends = finder.of(frame);
    if (ends === null) return index === 0;
    const { source, destination, sourcePort, destinationPort } = ends;
    return (hash(source, sourcePort) + hash(destination, destinationPort)) % of === index;
  };
}

/** FNV-1a. */
function hash(address: string, port: number): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < address.length; i++) {
    value = Math.imul(value ^ address.charCodeAt(i), 0x01000193);
  }
  value = Math.imul(value ^ (port & 0xff), 0x01000193);
  value = Math.imul(value ^ (port >> 8), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}
