import { atOnce } from '../../../../lib/generator/base/steps.js';
import type { Capture } from '../../../../lib/generator/captures/capture.js';
import type { Rewriter } from '../../../../lib/generator/replay/rewrite.js';
import { type Destination, FrameMaker } from '../../../../lib/generator/replay/sendable-frames.js';

/** What `replay` makes of a capture before it sends, without a socket. */
export function sendable(capture: Capture, rewriter: Rewriter, destination: Destination) {
  const maker = new FrameMaker([{ rewriter, destination }], null);
  const ready = atOnce(maker.makeAll(capture));
  return { ready, skipped: maker.skipped, notRewritten: maker.notRewritten };
}
