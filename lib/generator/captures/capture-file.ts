import { generatorError } from '../base/errors.js';
import type { CaptureProblem } from './captured-frame.js';
import type { FrameIndex } from './frame-index.js';

/** What a reader has found in a file. */
export interface CaptureFile {
  readonly index: FrameIndex;
  /** of pcapng, blocks that are not frames */
  skippedBlocks: number;
  problem: CaptureProblem | null;
}

export function captureError(offset: number, message: string): Error {
  const error = generatorError('ERR_ZEROSEND_CAPTURE', `${message} (at byte ${offset})`);
  return Object.assign(error, { offset });
}
