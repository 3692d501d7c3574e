import { optionBytes } from '../misfit.js';
import type { Protocol } from '../protocol.js';

/** A PPPoE header with the PPP header behind it. */
export interface PppoeDescription {
  /** 0 to 0xffff */
  sessionId: number;
  /** Default 0, a session. With any other, of the discovery stage, no PPP header follows. */
  code?: number;
  /** PPP protocol; needed only where what follows has none. */
  protocol?: number;
  /** Tags of the discovery stage, as bytes. */
  tags?: Uint8Array;
  /** Default: worked out. */
  length?: number;
}

const isDiscovery = ({ code = 0 }: Readonly<Record<string, unknown>>) => code !== 0;

/** PPP over Ethernet (RFC 2516), with the protocol field of PPP where it is a session. */
export const pppoe: Protocol = {
  name: 'pppoe',
  size: (values) => (isDiscovery(values) ? 6 : 8),
  numbers: { ethertype: ({ values }) => (isDiscovery(values) ? 0x8863 : 0x8864) },
  more: ['tags', 'protocol'],
  fields: (values) => ({
    version: { at: 0, width: 1, default: 0x11 },
    code: { at: 1, width: 1, default: 0 },
    sessionId: { at: 2, width: 2 },
    length: {
      at: 4,
      width: 2,
      fixed: 'length',
      default: ({ header, content }) => header - 6 + content,
    },
    ...(isDiscovery(values) ? {} : { protocol: { at: 6, width: 2, next: 'ppp' } }),
  }),
  tail: ({ tags }, label) => optionBytes(`${label}.tags`, tags, 1, 1484),
};
