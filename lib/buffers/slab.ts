import { constants as bufferConstants } from 'node:buffer';
import { isFailure, native } from '../addon/addon.js';
import { rangeError, systemError } from '../base/errors.js';

export const HUGE_PAGES = ['transparent', 'explicit', 'none'] as const;
const ENOMEM = 12;

/** The memory of a pool. Slot `i` is `slotSize` bytes at `offset + i * stride` of `memory`. */
export interface SlabMemory {
  /** its handle in the addon */
  slab: number;
  memory: ArrayBuffer;
  slots: number;
  slotSize: number;
  stride: number;
  offset: number;
  hugePageErrno: number;
}

/** Maps memory for `count` slots of `slotSize` bytes, a multiple of the page. */
export function mapSlab(
  slotSize: number,
  count: number,
  hugePages: (typeof HUGE_PAGES)[number],
): SlabMemory {
  const size = slotSize * count;
  const needs = `${count} buffers of ${slotSize} bytes need ${size} bytes`;
  if (size > bufferConstants.MAX_LENGTH) {
    throw rangeError(
      'ERR_ZEROSEND_NO_MEMORY',
      `${needs}; one ArrayBuffer holds at most ${bufferConstants.MAX_LENGTH}`,
    );
  }
  // mmap(2) would succeed, and the process would be killed when it touches the memory. Node.js
  // reports 0 where it does not know, without /proc.
  const available = process.availableMemory();
  if (hugePages !== 'explicit' && available > 0 && size > available) {
    throw rangeError('ERR_ZEROSEND_NO_MEMORY', `${needs}; ${available} are available`);
  }
  const made = native.createSlab(slotSize, count, HUGE_PAGES.indexOf(hugePages));
  if (!isFailure(made)) {
    const { handle, memory, hugePageErrno } = made;
    return {
      slab: handle,
      memory,
      slots: count,
      slotSize,
      stride: slotSize,
      offset: 0,
      hugePageErrno,
    };
  }
  if (made.errno === ENOMEM && hugePages === 'explicit') {
    throw rangeError(
      'ERR_ZEROSEND_NO_HUGE_PAGES',
      `${needs} of reserved huge pages (vm.nr_hugepages), and there are fewer`,
    );
  }
  if (made.errno === ENOMEM) throw rangeError('ERR_ZEROSEND_NO_MEMORY', `${needs}; mmap: ENOMEM`);
  throw systemError(made.errno, made.syscall);
}
