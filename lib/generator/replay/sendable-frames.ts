import { rangeError } from '../base/errors.js';
import { objectsThatFit } from '../base/heap-room.js';
import type { Steps } from '../base/steps.js';
import { type Capture, framesOf } from '../captures/capture.js';
import type { CapturedFrame } from '../captures/captured-frame.js';
import { PROTOCOL, readWord, writeWord } from '../packets/checksum.js';
import { dissect, LINKTYPE_ETHERNET, linkPayload } from '../packets/dissect.js';
import type { Dissection } from '../packets/dissect-ip.js';
import { ETHERNET_HEADER } from '../packets/protocols/ethernet.js';
import { VLAN_TAG } from '../packets/protocols/vlan.js';
import { type NotRewritten, type NotRewrittenKind, notRewritten } from './not-rewritten.js';
import { offloadHeader } from './replay-offload.js';
import type { Rewriter } from './rewrite.js';

/** Why frames of a capture were left out: how many, and where in the file the first one is. */
export interface Skipped {
  /**
   * Why: the end was not captured, longer than the socket sends, no Ethernet frame (for a packet or
   * XDP socket), or without UDP payload (for a UDP socket).
   */
  reason: 'snapped' | 'too long' | 'no Ethernet frame' | 'no UDP payload';
  /** How many were left out. */
  frames: number;
  /** Where in the file the first of them begins, in bytes. */
  firstOffset: number;
  /** How many bytes the longest of them has. */
  longest: number;
}

/** A frame as it is sent: rewritten, and with an offload header where the socket takes one. */
export interface SendableFrame {
  bytes: Uint8Array;
  /** how many bytes it has without an offload header */
  length: number;
  time: bigint | null;
}

/** What limits the frames that a socket takes. */
export interface Destination {
  /** whether it takes payloads of datagrams, or frames */
  kind: 'datagram' | 'frame';
  /** bytes of the longest send, and of a buffer */
  maxLength: number;
  /** that of the interface; the Ethernet header of a frame does not count */
  mtu: number;
  virtioNetHeader: boolean;
  snapped: 'skip' | 'send' | 'pad';
}

/** How many bytes of the heap a frame takes that is ready, with the header of its array. */
const SENDABLE_ON_HEAP = 300;
/** How many frames one step goes through. */
const STEP = 64;

/** The frames of a capture that a socket can send, and what is to be said of the others. */
export interface SendableFrames {
  ready: SendableFrame[];
  skipped: Skipped[];
  /** Of the frames that are ready, those with addresses that are not rewritten. */
  notRewritten: NotRewritten;
}

/**
 * Makes the frames of a capture ready for a socket, a few with each step; counts those that cannot be
 * sent.
 * @throws RangeError `ERR_ZEROSEND_CAPTURE` for more frames than the heap holds
 */
export function* makeSendable(
  capture: Capture,
  rewriter: Rewriter,
  to: Destination,
): Steps<SendableFrames> {
  const skipped = new Map<Skipped['reason'], Skipped>();
  const stayed: NotRewritten = {};
  const ready: SendableFrame[] = [];
  const most = objectsThatFit(SENDABLE_ON_HEAP);
  const frames = framesOf(capture);
  for (let i = 0; i < frames.length; i++) {
    if (i % STEP === 0) yield;
    if (ready.length > most) {
      const message = `the heap does not hold more than ${most} frames (--max-old-space-size)`;
      throw rangeError('ERR_ZEROSEND_CAPTURE', message);
    }
    const frame = frames.frame(i);
    const kinds: NotRewrittenKind[] = [];
    const made = makeFrameSendable(frame, rewriter, to, kinds);
    if (typeof made !== 'string') {
      ready.push(made);
      for (const kind of kinds) stayed[kind] = (stayed[kind] ?? 0) + 1;
      continue;
    }
    const { offset: firstOffset, originalLength } = frame;
    const entry = skipped.get(made) ?? { reason: made, frames: 0, firstOffset, longest: 0 };
    entry.frames++;
    entry.longest = Math.max(entry.longest, originalLength);
    skipped.set(made, entry);
  }
  return { ready, skipped: [...skipped.values()], notRewritten: stayed };
}

/** @param kinds gets the kinds of addresses in the frame that are not rewritten */
function makeFrameSendable(
  frame: CapturedFrame,
  rewriter: Rewriter,
  to: Destination,
  kinds: NotRewrittenKind[],
): SendableFrame | Skipped['reason'] {
  const snapped = frame.bytes.length < frame.originalLength;
  if (snapped && to.snapped === 'skip') return 'snapped';
  let bytes = withEthernet(frame, rewriter, to.kind === 'datagram');
  if (bytes === null) return 'no Ethernet frame';
  const wireLength = bytes.length + (snapped ? frame.originalLength - frame.bytes.length : 0);
  if (snapped && to.snapped === 'pad') {
    const padded = new Uint8Array(wireLength);
    padded.set(bytes);
    bytes = padded;
  }
  const linkType = to.kind === 'datagram' ? frame.linkType : LINKTYPE_ETHERNET;
  const found = dissect(bytes, linkType, wireLength);
  rewriter.apply(bytes, found, linkType === LINKTYPE_ETHERNET);
  const stay = notRewritten(bytes, linkType, found, rewriter.changes);
  kinds.push(...stay.filter((kind) => to.kind === 'frame' || kind !== 'ipOptions'));
  if (to.kind === 'datagram') return payloadOf(bytes, found, frame.time, to);
  const tagged = ((bytes[12] as number) << 8) + (bytes[13] as number) === 0x8100;
  const most = to.mtu + ETHERNET_HEADER + (tagged ? VLAN_TAG : 0);
  const { length } = bytes;
  if (length < ETHERNET_HEADER) return 'no Ethernet frame';
  if (to.virtioNetHeader) {
    const offloaded = offloadHeader(bytes, found, most);
    if (offloaded === null) return 'too long';
    bytes = offloaded;
  } else if (length > most) {
    return 'too long';
  }
  return bytes.length > to.maxLength ? 'too long' : { bytes, length, time: frame.time };
}

/** A copy of the frame, with an Ethernet header before it where it has none but could have. */
function withEthernet(frame: CapturedFrame, rewriter: Rewriter, bare: boolean): Uint8Array | null {
  if (bare || frame.linkType === LINKTYPE_ETHERNET) return Uint8Array.from(frame.bytes);
  const { source, destination } = rewriter;
  const link = linkPayload(frame.bytes, frame.linkType);
  if (link === null || source === null || destination === null) return null;
  const payload = frame.bytes.subarray(link.at);
  const type = typeOrLength(link.type, frame.originalLength - link.at);
  if (type === null) return null;
  const bytes = new Uint8Array(ETHERNET_HEADER + payload.length);
  bytes.set(destination, 0);
  bytes.set(source, 6);
  writeWord(bytes, 12, type);
  bytes.set(payload, ETHERNET_HEADER);
  return bytes;
}

const LEAST_TYPE = 0x600;
const LONGEST_PAYLOAD = 1500;
/** What Linux has for the EtherType of frames that have none: raw 802.3, and 802.2 (if_ether.h). */
const TYPELESS = [0x0001, 0x0004];

/** What an Ethernet header says; null for what Ethernet does not carry. */
function typeOrLength(type: number, length: number): number | null {
  if (type >= LEAST_TYPE) return type;
  return TYPELESS.includes(type) && length <= LONGEST_PAYLOAD ? length : null;
}

const UDP_HEADER = 8;

function payloadOf(
  bytes: Uint8Array,
  found: Dissection | null,
  time: bigint | null,
  to: Destination,
): SendableFrame | Skipped['reason'] {
  if (found === null || found.protocol !== PROTOCOL.udp || found.fragment || found.transport < 0) {
    return 'no UDP payload';
  }
  const there = Math.min(found.end, bytes.length);
  if (found.transport + UDP_HEADER > there) return 'no UDP payload';
  // A datagram may end before its packet; one that says that it ends behind it is cut off there.
  const said = readWord(bytes, found.transport + 4);
  const end = said < UDP_HEADER ? there : Math.min(found.transport + said, there);
  const payload = bytes.subarray(found.transport + UDP_HEADER, end);
  if (payload.length === 0) return 'no UDP payload';
  if (payload.length > to.maxLength) return 'too long';
  return { bytes: payload, length: payload.length, time };
}
