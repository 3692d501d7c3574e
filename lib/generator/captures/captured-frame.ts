import type { CaptureProblem } from './capture.js';
import type { FrameIndex } from './frame-index.js';

/** What a reader has found in a file. */
export interface CaptureFile {
  readonly index: FrameIndex;
  /** of pcapng, blocks that are not frames */
  skippedBlocks: number;
  problem: CaptureProblem | null;
}

export function captureError(offset: number, message: string): Error {
  const error = new Error(`${message} (at byte ${offset})`);
  return Object.assign(error, { code: 'ERR_ZEROSEND_CAPTURE', offset });
}
