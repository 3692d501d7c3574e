import { setImmediate as nextTurn } from 'node:timers/promises';
import { framesOf } from '../../generator/captures/capture.js';
import type { Capture } from '../../generator/index.js';
import { PacketSocket, UdpSocket, XdpSocket, type ZeroCopySocket } from '../../index.js';
import type { ReplayCommandOptions } from './options.js';

const FRAMES = { least: 64, most: 4096 };
const FRAME_SIZE = 2016;
/** Of an IPv4 or TCP frame that is captured before segmentation. */
const LARGEST_FRAME = 65_550;
const LARGE_FRAMES = 64;
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

/** Opens what a capture is sent through; its frames fit as far as the system lets them. */
export async function openFor(
  options: ReplayCommandOptions,
  { frames, longest }: { frames: number; longest: number },
): Promise<ZeroCopySocket> {
  const { packet, xdp, udp, queue, buffers, segmentation } = options;
  if (udp !== undefined) {
    const { address, port = 0 } = udp;
    return UdpSocket.open({ remote: { address, port } });
  }
  const ring = buffers ?? Math.min(FRAMES.most, Math.max(FRAMES.least, frames));
  if (xdp !== undefined) {
    const frameSize = longest > 2048 ? 4096 : 2048;
    return XdpSocket.open({ interface: xdp, queue, frames: ring, frameSize });
  }
  const large = segmentation && buffers === undefined ? LARGE_FRAMES : ring;
  return PacketSocket.open({
    interface: packet ?? '',
    frames: longest > FRAME_SIZE ? large : ring,
    frameSize: Math.max(FRAME_SIZE, Math.min(longest, LARGEST_FRAME) + OFFLOAD_HEADER),
    qdiscBypass: options['qdisc-bypass'],
    virtioNetHeader: segmentation,
  });
}
