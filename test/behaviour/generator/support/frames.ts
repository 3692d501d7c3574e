import { template } from 'zerosend/generator';
import type { Written } from './pcap-writer.js';
import { ETHERNET } from './wire.js';

const T = 1_700_000_000_123_456_789n;
/** Frames of many lengths, at growing distances. */
export const FRAMES: Written[] = Array.from({ length: 40 }, (_, i) => {
  const { bytes } = template({
    ethernet: ETHERNET,
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2', id: i },
    udp: { source: 1024 + i, destination: 9 },
    payload: Uint8Array.from({ length: (i * 37) % 1400 }, (_, j) => (i + j) & 0xff),
  });
  return { bytes, time: T + BigInt(i * i) * 1_234_567n };
});

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
