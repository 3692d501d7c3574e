import { rangeError } from '../base/errors.js';
import { objectsThatFit } from '../base/heap-room.js';
import type { Steps } from '../base/steps.js';
import { type Capture, framesOf } from '../captures/capture.js';
import type { CapturedFrame } from '../captures/captured-frame.js';
import { LONGEST_RECORD } from '../captures/records.js';
import { readWord } from '../packets/checksum.js';
import { dissect, LINKTYPE_ETHERNET, linkPayload } from '../packets/dissect.js';
import { type Dissection, moved } from '../packets/dissect-ip.js';
import { fragmentsOf } from '../packets/fragments.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { ETHERNET_HEADER } from '../packets/protocols/ethernet.js';
import { VLAN_TAG } from '../packets/protocols/vlan.js';
import { segmentable, segmentsOf } from '../packets/segments.js';
import { type Made, payloadOf, type Skipped, Unsendable, withEthernet } from './frame-shape.js';
import type { NotRewritten } from './not-rewritten.js';
import { behindOffloadHeader, segmentedByKernel } from './replay-offload.js';
import type { Rewriter } from './rewrite.js';
import type { Side } from './split.js';

/** What becomes of frames that are longer than the interface takes. */
export type Oversize = 'skip' | 'segment' | 'fragment' | 'truncate';

/** A frame as it is sent: rewritten, and with an offload header where the socket takes one. */
export interface SendableFrame {
  bytes: Uint8Array;
  /** how many bytes it has without an offload header */
  length: number;
  time: bigint | null;
  /** which of the sockets it leaves through */
  way: number;
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
  oversize?: Oversize;
}

/** One of the ways that frames take: what is changed in them, and what the socket takes. */
export interface Way {
  rewriter: Rewriter;
  destination: Destination;
}

/** How many bytes of the heap a frame takes that is ready, with the header of its array. */
const SENDABLE_ON_HEAP = 300;
/** How many frames one step goes through. */
const STEP = 64;

/** Makes captured frames ready to be sent, one after the other. */
export class FrameMaker {
  readonly #ways: readonly Way[];
  readonly #split: { sideOf(frame: CapturedFrame): Side } | null;
  readonly #isOurs: ((frame: CapturedFrame) => boolean) | null;
  readonly #skipped = new Map<string, Skipped>();
  readonly #stayed: NotRewritten = {};
  #counts = true;
  /** of the next packet that is cut into fragments of IPv6 */
  #fragmentId = 1;

  /**
   * @param split says through which way each frame leaves; null: through the only one
   * @param isOurs tells which frames somebody else sends, who only take their time here
   */
  constructor(
    ways: readonly Way[],
    split: { sideOf(frame: CapturedFrame): Side } | null,
    isOurs: ((frame: CapturedFrame) => boolean) | null = null,
  ) {
    this.#isOurs = isOurs;
    this.#ways = ways;
    this.#split = split;
  }

  /** What was left out so far. */
  get skipped(): Skipped[] {
    return [...this.#skipped.values()];
  }

  get notRewritten(): NotRewritten {
    return { ...this.#stayed };
  }

  /** Goes to a loop, from 0. What is left out is counted in the first one. */
  set loop(loop: number) {
    this.#counts = loop === 0;
    for (const { rewriter } of this.#ways) rewriter.loop = loop;
  }

  /**
   * Makes all frames of a capture ready, a few with each step; counts those that cannot be sent.
   * @throws RangeError `ERR_ZEROSEND_CAPTURE` for more frames than the heap holds
   */
  *makeAll(capture: Capture): Steps<SendableFrame[]> {
    const ready: SendableFrame[] = [];
    const most = objectsThatFit(SENDABLE_ON_HEAP);
    const frames = framesOf(capture);
    for (let i = 0; i < frames.length; i++) {
      if (i % STEP === 0) yield;
      if (ready.length > most) {
        const message = `the heap does not hold more than ${most} frames (--max-old-space-size)`;
        throw rangeError('ERR_ZEROSEND_CAPTURE', message);
      }
      this.make(frames.frame(i), ready);
    }
    return ready;
  }

  /** Adds to `ready` what a frame is sent as: nothing where it is left out, several where it is cut. */
  make(frame: CapturedFrame, ready: SendableFrame[]): void {
    // What others send is made as they make it, but for its bytes: it takes as much time there as here.
    const isOurs = this.#isOurs?.(frame) ?? true;
    const side = this.#split?.sideOf(frame) ?? 0;
    const made = this.#madeFor(this.#ways[side] as Way, frame, isOurs);
    const { time } = frame;
    if (made instanceof Unsendable) {
      if (isOurs) this.#leaveOut(frame, made);
    } else if (isOurs) {
      for (const one of made) ready.push({ ...one, time, way: side });
    } else {
      for (const { length } of made) ready.push({ bytes: NOTHING, length, time, way: OTHERS });
    }
  }

  #leaveOut({ offset, originalLength }: CapturedFrame, { reason, detail }: Unsendable): void {
    if (!this.#counts) return;
    const key = `${reason} ${detail}`;
    const about = detail === undefined ? { reason } : { reason, detail };
    const entry = this.#skipped.get(key) ?? {
      ...about,
      frames: 0,
      firstOffset: offset,
      longest: 0,
    };
    entry.frames++;
    entry.longest = Math.max(entry.longest, originalLength);
    this.#skipped.set(key, entry);
  }

  #madeFor(
    { rewriter, destination: to }: Way,
    frame: CapturedFrame,
    isOurs: boolean,
  ): Made[] | Unsendable {
    const snapped = frame.bytes.length < frame.originalLength;
    if (snapped && to.snapped === 'skip') return new Unsendable('snapped');
    const datagram = to.kind === 'datagram';
    let bytes = datagram ? Uint8Array.from(frame.bytes) : withEthernet(frame, rewriter);
    if (bytes instanceof Unsendable) return bytes;
    if (!datagram && bytes.length < ETHERNET_HEADER) return new Unsendable('no Ethernet frame');
    const wireLength = bytes.length + (snapped ? frame.originalLength - frame.bytes.length : 0);
    if (snapped && to.snapped === 'pad') {
      // A length that no frame has is damage, and is not to cost its memory.
      if (wireLength > LONGEST_RECORD) return new Unsendable('too long');
      const padded = new Uint8Array(wireLength);
      padded.set(bytes);
      bytes = padded;
    }
    const linkType = datagram ? frame.linkType : LINKTYPE_ETHERNET;
    const kinds = isOurs ? rewriter.apply(bytes, linkType, wireLength) : [];
    const found = dissect(bytes, linkType, wireLength);
    // Behind a tag that is added, nothing would be found whose type is not one of the usual.
    const made = datagram
      ? payloadOf(bytes, found, to.maxLength)
      : this.#tagged(bytes, found, rewriter, to);
    if (made instanceof Unsendable || !this.#counts) return made;
    for (const kind of kinds) {
      // Headers of a packet whose payload is sent stay here.
      if (datagram && kind === 'ipOptions') continue;
      this.#stayed[kind] = (this.#stayed[kind] ?? 0) + 1;
    }
    return made;
  }

  #tagged(
    frame: Uint8Array,
    found: Dissection | null,
    rewriter: Rewriter,
    to: Destination,
  ): Made[] | Unsendable {
    const bytes = rewriter.retag(frame);
    return this.#fitted(bytes, found && moved(found, bytes.length - frame.length), to);
  }

  /** A frame as the interface takes it, or what it is cut into. */
  #fitted(bytes: Uint8Array, found: Dissection | null, to: Destination): Made[] | Unsendable {
    const tagged = readWord(bytes, 12) === 0x8100;
    const most = to.mtu + ETHERNET_HEADER + (tagged ? VLAN_TAG : 0);
    const { virtioNetHeader, maxLength, oversize = 'skip' } = to;
    const asSent = (frame: Uint8Array): Made => {
      const { length } = frame;
      return { bytes: virtioNetHeader ? behindOffloadHeader(frame) : frame, length };
    };
    if (bytes.length > most) {
      const isKnown = linkPayload(bytes, LINKTYPE_ETHERNET)?.at === found?.ip;
      const offloaded = virtioNetHeader && isKnown ? segmentedByKernel(bytes, found, most) : null;
      if (offloaded !== null && offloaded.length <= maxLength) {
        return [{ bytes: offloaded, length: offloaded.length - OFFLOAD_HEADER }];
      }
      const parts = this.#cut(bytes, found, most, oversize);
      if (typeof parts === 'string') return new Unsendable('too long', parts || undefined);
      return parts.map(asSent);
    }
    const made = asSent(bytes);
    return made.bytes.length > maxLength ? new Unsendable('too long') : [made];
  }

  /** Cuts a frame as was asked for; a text: why it cannot be. */
  #cut(
    bytes: Uint8Array,
    found: Dissection | null,
    most: number,
    how: Oversize,
  ): Uint8Array[] | string {
    switch (how) {
      case 'skip':
        return '';
      case 'truncate':
        return [bytes.slice(0, most)]; // the rest is not to stay in memory
      case 'segment': {
        const payload = segmentable(bytes, found);
        if (found === null || payload === null || payload >= most) {
          return 'no whole TCP or UDP packet that could be cut into segments';
        }
        return segmentsOf(bytes, found, payload, most - payload);
      }
      case 'fragment': {
        const parts = fragmentsOf(bytes, found, most, this.#fragmentId++);
        return parts ?? 'no whole IP packet that could be cut into fragments';
      }
    }
  }
}

const NOTHING = new Uint8Array(0);
/** The way of frames that somebody else sends. */
export const OTHERS = 255;
