import { coded } from '../base/errors.js';

/** A frame of a capture. */
export interface CapturedFrame {
  /** What was captured of it: a view on the file. */
  bytes: Uint8Array;
  /** Bytes that it had; more than were captured when the capture cut it (it is "snapped"). */
  originalLength: number;
  /** Nanoseconds since 1970; null where the file has no time for it. */
  time: bigint | null;
  /** LINKTYPE_ number of what it begins with; 1 is Ethernet. */
  linkType: number;
  /** Where its record begins in the file, in bytes. */
  offset: number;
}

/** Why a file could not be read to its end. */
export interface CaptureProblem {
  /** Where in the file, in bytes. */
  offset: number;
  /** What is wrong there. */
  message: string;
}

/** The error `ERR_ZEROSEND_CAPTURE`, with the byte of the file that it is about as `offset`. */
export function captureError(offset: number, message: string): Error {
  const error = new Error(`${message} (at byte ${offset})`);
  return coded(error, 'ERR_ZEROSEND_CAPTURE', { offset });
}
