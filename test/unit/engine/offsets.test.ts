import { constants } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { beginOf, writeBegin } from '../../../lib/addon/mailbox.js';
import { checkPart } from '../../../lib/buffers/parts.js';
import { checkOffset } from '../../../lib/engine/refusals.js';

const BEYOND = 2 ** 32 + 100;
const outOfRange = expect.objectContaining({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' });

describe('an offset beyond what the addon is told in 32 bits', () => {
  it('is refused, whatever the array has', () => {
    expect(() => checkOffset(BEYOND, 2 ** 33, null)).toThrow(outOfRange);
    const last = checkOffset(2 ** 32 - 1, 2 ** 33, null);
    writeBegin(0, last);
    expect(beginOf(0)).toBe(last);
  });

  it('is refused for a part, too', () => {
    if (constants.MAX_LENGTH < 2 ** 33) return; // arrays of Node.js 20 end there
    const buffer = new Uint8Array(2 ** 32 + 4096);
    expect(() => checkPart({ buffer, offset: BEYOND, length: 11 }, 0)).toThrow(outOfRange);
    const length = undefined;
    expect(checkPart({ buffer: buffer.subarray(4096), offset: 2 ** 32 - 1, length }, 0)).toEqual(
      expect.objectContaining({ offset: 2 ** 32 - 1, length: 1 }),
    );
  });
});
