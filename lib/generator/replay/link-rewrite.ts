import { invalidArgument } from '../../base/errors.js';
import { checkInteger, checkObject } from '../../base/validate.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import { parseAddress } from '../packets/addresses.js';
import { readWord, writeWord } from '../packets/checksum.js';
import { TAGS } from '../packets/dissect.js';
import { VLAN_TAG } from '../packets/protocols/vlan.js';
import { checkDecimal } from './address-map.js';

/** What becomes of Ethernet addresses. */
export interface EthernetRewrite {
  /** Of all frames; like `'02:00:00:00:00:01'`. Default: as captured. */
  source?: string;
  /** As `source`. */
  destination?: string;
  /**
   * From address to address, wherever they stand: in the header (unless `source` or `destination` say
   * otherwise), in frames within tunnels, in ARP and in neighbour discovery.
   */
  addresses?: Record<string, string>;
}

/** A VLAN tag that is added. */
export interface AddedTag {
  /** 0 to 4095 */
  id: number;
  /** Priority code point, 0 to 7; default 0. */
  priority?: number;
  /** Default false. */
  dropEligible?: boolean;
  /** EtherType of the tag; default 0x8100, and 0x88a8 before another tag. */
  tpid?: number;
}

/** What becomes of the VLAN tags of Ethernet frames, in this order. */
export interface VlanRewrite {
  /** From id to id, of all tags that a frame has. */
  map?: Record<number, number>;
  /** Takes off the outermost tag, or all. */
  remove?: 'outer' | 'all';
  /** Puts a tag, or several from the outside in, before what is there. */
  add?: AddedTag | readonly AddedTag[];
}

const MAC_ADDRESSES = 12;
const MAC = 6;
const ZEROS = '000000000000';

/** Changes Ethernet addresses: of the frame, and those like them of what the frame holds. */
export class EthernetRewriter {
  readonly source: Uint8Array | null;
  readonly destination: Uint8Array | null;
  readonly #map: ReadonlyMap<string, Uint8Array>;
  /** of the frame that is rewritten, as captured */
  #sourceWas = '';
  #destinationWas = '';

  constructor(options: EthernetRewrite = {}) {
    checkKeys('rewrite.ethernet', options, ['source', 'destination', 'addresses']);
    const { source, destination, addresses = {} } = options;
    const parse = (name: string, value: unknown) =>
      parseAddress(`rewrite.ethernet.${name}`, 'ethernet', value);
    this.source = source === undefined ? null : parse('source', source);
    this.destination = destination === undefined ? null : parse('destination', destination);
    checkObject('rewrite.ethernet.addresses', addresses);
    this.#map = new Map(
      Object.entries(addresses).map(([from, to]) => [
        hexAt(parse('addresses', from), 0),
        parse(`addresses['${from}']`, to),
      ]),
    );
  }

  get isEmpty(): boolean {
    return this.source === null && this.destination === null && this.#map.size === 0;
  }

  /** Changes the addresses of a frame that is not within another. */
  outermost(frame: Uint8Array): void {
    if (this.isEmpty || frame.length < MAC_ADDRESSES) return;
    this.#destinationWas = hexAt(frame, 0);
    this.#sourceWas = hexAt(frame, MAC);
    this.#put(frame, 0, this.destination ?? this.#map.get(this.#destinationWas));
    this.#put(frame, MAC, this.source ?? this.#map.get(this.#sourceWas));
  }

  /** For what is not in an Ethernet frame. */
  noFrame(): void {
    this.#sourceWas = this.#destinationWas = '';
  }

  /** Changes an address that stands elsewhere; returns false for one that was not reached. */
  within(bytes: Uint8Array, at: number): boolean {
    if (this.isEmpty) return true;
    const was = hexAt(bytes, at);
    const to = this.#counterpart(was) ?? this.#map.get(was);
    this.#put(bytes, at, to);
    const fixed = this.source !== null || this.destination !== null;
    return to !== undefined || !fixed || was === ZEROS || ((bytes[at] as number) & 1) === 1;
  }

  /** Whether the map says what becomes of an address. */
  names(bytes: Uint8Array, at: number): boolean {
    return this.#map.size > 0 && this.#map.has(hexAt(bytes, at));
  }

  #counterpart(was: string): Uint8Array | undefined {
    if (was === this.#sourceWas) return this.source ?? undefined;
    return was === this.#destinationWas ? (this.destination ?? undefined) : undefined;
  }

  #put(bytes: Uint8Array, at: number, address: Uint8Array | undefined): void {
    if (address !== undefined) bytes.set(address, at);
  }
}

function hexAt(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, MAC).toString('hex');
}

const CUSTOMER = 0x8100;
const SERVICE = 0x88a8;

/** Changes the VLAN tags of Ethernet frames. */
export class VlanRewriter {
  readonly #map: ReadonlyMap<number, number>;
  readonly #remove: 'outer' | 'all' | undefined;
  readonly #add: readonly Required<AddedTag & { tpid: number | null }>[];

  constructor(options: VlanRewrite = {}) {
    checkKeys('rewrite.vlan', options, ['map', 'remove', 'add']);
    const { map = {}, remove, add = [] } = options;
    checkObject('rewrite.vlan.map', map);
    this.#map = new Map(
      Object.entries(map).map(([from, to]) => [
        checkDecimal('rewrite.vlan.map: from', from, 0xfff),
        checkInteger(`rewrite.vlan.map[${from}]`, to, 0, 0xfff),
      ]),
    );
    if (remove !== undefined && remove !== 'outer' && remove !== 'all') {
      throw invalidArgument('rewrite.vlan.remove', "'outer' or 'all'", remove);
    }
    this.#remove = remove;
    this.#add = [add].flat().map((tag: AddedTag) => {
      checkKeys('rewrite.vlan.add', tag, ['id', 'priority', 'dropEligible', 'tpid']);
      const { id, priority = 0, dropEligible = false, tpid } = tag;
      checkInteger('rewrite.vlan.add.id', id, 0, 0xfff);
      checkInteger('rewrite.vlan.add.priority', priority, 0, 7);
      checkBoolean('rewrite.vlan.add.dropEligible', dropEligible);
      if (tpid !== undefined) checkInteger('rewrite.vlan.add.tpid', tpid, 0x600, 0xffff);
      return { id, priority, dropEligible, tpid: tpid ?? 0 };
    });
  }

  /** The frame with other tags; the same memory where it keeps its length. */
  retag(frame: Uint8Array): Uint8Array {
    const { tags, end } = tagsOf(frame);
    if (this.#map.size > 0) for (const at of tags) this.#mapTag(frame, at + 2);
    const gone =
      this.#remove === 'all'
        ? tags.length
        : this.#remove === 'outer'
          ? Math.min(1, tags.length)
          : 0;
    const added = this.#add.length;
    if ((gone === 0 && added === 0) || frame.length < end + 2) return frame;
    const rest = MAC_ADDRESSES + gone * VLAN_TAG;
    const bytes = new Uint8Array(frame.length + (added - gone) * VLAN_TAG);
    bytes.set(frame.subarray(0, MAC_ADDRESSES));
    bytes.set(frame.subarray(rest), MAC_ADDRESSES + added * VLAN_TAG);
    for (const [i, { id, priority, dropEligible, tpid }] of this.#add.entries()) {
      const at = MAC_ADDRESSES + i * VLAN_TAG;
      const inner = i + 1 < added || tags.length > gone;
      writeWord(bytes, at, tpid || (inner ? SERVICE : CUSTOMER));
      writeWord(bytes, at + 2, (priority << 13) | (Number(dropEligible) << 12) | id);
    }
    return bytes;
  }

  #mapTag(frame: Uint8Array, at: number): void {
    const tag = readWord(frame, at);
    const to = this.#map.get(tag & 0xfff);
    if (to !== undefined) writeWord(frame, at, (tag & 0xf000) | to);
  }
}

/** Where the tags of an Ethernet frame begin, and where the EtherType is that follows them. */
function tagsOf(frame: Uint8Array): { tags: number[]; end: number } {
  const tags: number[] = [];
  let end = MAC_ADDRESSES;
  while (end + 6 <= frame.length && TAGS.includes(readWord(frame, end))) {
    tags.push(end);
    end += VLAN_TAG;
  }
  return { tags, end };
}
