import { checkInteger } from '../../../base/validate.js';
import type { Layer, Protocol } from '../protocol.js';

export const VLAN_TAG = 4;
const CUSTOMER = 0x8100;
const SERVICE = 0x88a8;

/** A VLAN tag (IEEE 802.1Q, 802.1ad). */
export interface VlanDescription {
  /** 0 to 4095 */
  id: number;
  /** Priority code point, 0 to 7; default 0. */
  priority?: number;
  /** Default false. */
  dropEligible?: boolean;
  /** EtherType of the tag; default 0x8100, and 0x88a8 for all but the innermost of several. */
  tpid?: number;
  /** EtherType behind the tag; needed only where what follows has none. */
  type?: number;
}

/**
 * A tag of IEEE 802.1Q or 802.1ad. It begins with its id: the EtherType of the tag is the last field
 * of what precedes it.
 */
export const vlan: Protocol = {
  name: 'vlan',
  size: VLAN_TAG,
  numbers: { ethertype: tpidOf },
  needs: 'ethertype',
  more: ['tpid'],
  fields: {
    priority: { at: 0, width: 2, bits: 3, shift: 13, default: 0 },
    dropEligible: { at: 0, width: 2, bits: 1, shift: 12, boolean: true, default: false },
    id: { at: 0, width: 2, bits: 12 },
    type: { at: 2, width: 2, next: 'ethertype' },
  },
};

function tpidOf({ values, label, above }: Layer): number {
  const usual = above?.protocol === vlan ? SERVICE : CUSTOMER;
  return checkInteger(`${label}.tpid`, (values.tpid ?? usual) as number, 0, 0xffff);
}
