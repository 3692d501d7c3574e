import type { Protocol } from '../protocol.js';

export const ETHERNET_HEADER = 14;

/** An Ethernet header (IEEE 802.3). Its FCS is written by the network card. */
export interface EthernetDescription {
  /** Like `'02:00:00:00:00:01'`. */
  source: string;
  /** As `source`. */
  destination: string;
  /** EtherType behind all tags; needed only where what follows has none. */
  type?: number;
}

/** IEEE 802.3. Over GRE it is Transparent Ethernet Bridging, over IP RFC 9347. */
export const ethernet: Protocol = {
  name: 'ethernet',
  size: ETHERNET_HEADER,
  numbers: { ethertype: 0x6558, ip: 143 },
  fields: {
    destination: { at: 0, width: 6, address: 'ethernet' },
    source: { at: 6, width: 6, address: 'ethernet' },
    type: { at: 12, width: 2, next: 'ethertype' },
  },
};
