import { describe, expect, it } from 'vitest';
import { BATCH, Batch } from '../../../lib/generator/fields/batch.js';

describe('a batch of packets', () => {
  // A view keeps the memory of its pool, for as long as the batch has it.
  it.each([1, 2, BATCH])('lets go of the buffers of %d packets', (count) => {
    const batch = new Batch();
    const nothing = batch.views[0];
    for (let i = 0; i < count; i++) batch.views[i] = Buffer.alloc(8);
    batch.forget(count);
    expect(new Set(batch.views)).toEqual(new Set([nothing]));
    batch.each = 0;
    batch.view = new DataView(new ArrayBuffer(8));
    batch.views[0] = Buffer.alloc(8);
    batch.forget(count);
    expect(new Set(batch.views)).toEqual(new Set([nothing]));
    expect(batch).toMatchObject({ each: -1, view: { byteLength: 0 } });
  });
});
