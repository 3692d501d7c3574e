import { describe, expect, it } from 'vitest';
import { readOne, type SendOptions } from '../../../lib/engine/send-options.js';

describe('the options of one send', () => {
  it('are read once each, and only those of their own', () => {
    const read: string[] = [];
    const options = {
      get offset() {
        read.push('offset');
        return 7;
      },
      get tag() {
        read.push('tag');
        return 'mine';
      },
    };
    expect(readOne(options)).toEqual({ tag: 'mine', offset: 7 });
    expect(read.sort()).toEqual(['offset', 'tag']);
    expect(readOne(Object.create({ tag: 1, offset: 2, other: 3 }))).toEqual({});
    expect(readOne({})).toEqual({});
  });

  it.each([{ tag: 1, tags: 2 }, { offsets: 1 }, null, 'tag', [1]])('%o is refused', (options) => {
    const read = () => readOne(options as SendOptions);
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_ZEROSEND_INVALID_ARGUMENT' }));
  });
});
