import { setImmediate as nextTurn } from 'node:timers/promises';
import { framesOf } from '../../generator/captures/capture.js';
import type { Capture, WorkerSocket } from '../../generator/index.js';
import { PacketSocket, UdpSocket, XdpSocket, type ZeroCopySocket } from '../../index.js';
import { readEndpoint } from '../send/addresses.js';
import type { ReplayCommandOptions } from './options.js';

const FRAMES = { least: 64, stream: 1024, most: 4096 };
const FRAME_SIZE = 2016;
/** The longest frame that can be captured before segmentation. */
const LARGEST_FRAME = 65_550;
const LARGE_FRAMES = 64;
const JUMBO = 9216;
const OFFLOAD_HEADER = 10;
const TURN = 2 ** 16;

/** How many frames a capture has, and how long the longest is, without an object for each. */
export async function measure(capture: Capture): Promise<{ frames: number; longest: number }> {
  const frames = framesOf(capture);
  let longest = 0;
  for (let at = 0; at < frames.length; at++) {
    longest = Math.max(longest, frames.frame(at).originalLength);
    if (at % TURN === TURN - 1) await nextTurn();
  }
  return { frames: frames.length, longest };
}

/** What is known of a capture before it is sent. */
export interface Size {
  /** null for a capture that is read while it is sent */
  frames: number | null;
  longest: number;
}

/**
 * The size that is assumed for a capture that is read while it is sent: jumbo frames fit, and with
 * segmentation frames captured before it.
 */
export function sizeOfStream({ segmentation }: ReplayCommandOptions): Size {
  return { frames: null, longest: segmentation ? LARGEST_FRAME : JUMBO };
}

/**
 * The socket through which a capture is sent. Its frames are as long as the capture needs and the
 * system allows.
 * @param server the second socket in place of the first
 */
export function specOf(
  options: ReplayCommandOptions,
  { frames, longest }: Size,
  server = false,
): WorkerSocket {
  const { packet, xdp, udp, queue, buffers, segmentation } = options;
  if (udp !== undefined) {
    const { address, port = 0 } = server ? readEndpoint(options.server ?? '') : udp;
    return { udp: { remote: { address, port } } };
  }
  const name = (server ? options.server : (xdp ?? packet)) ?? '';
  const ring = buffers ?? Math.min(FRAMES.most, Math.max(FRAMES.least, frames ?? FRAMES.stream));
  if (xdp !== undefined) {
    const frameSize = longest > 2048 ? 4096 : 2048;
    return { xdp: { interface: name, queue, frames: ring, frameSize } };
  }
  const large = segmentation && buffers === undefined ? LARGE_FRAMES : ring;
  return {
    packet: {
      interface: name,
      frames: longest > FRAME_SIZE ? large : ring,
      frameSize: Math.max(FRAME_SIZE, Math.min(longest, LARGEST_FRAME) + OFFLOAD_HEADER),
      qdiscBypass: options['qdisc-bypass'],
      virtioNetHeader: segmentation,
    },
  };
}

export function openSocket(spec: WorkerSocket): Promise<ZeroCopySocket> {
  if ('udp' in spec) return UdpSocket.open(spec.udp);
  return 'xdp' in spec ? XdpSocket.open(spec.xdp) : PacketSocket.open(spec.packet);
}
