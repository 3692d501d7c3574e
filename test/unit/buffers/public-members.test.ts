import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../../lib/buffers/buffer-pool.js';

describe.each([false, true])('with verify: %s, only public members are seen', (verify) => {
  const pool = new BufferPool({ bufferSize: 4096, count: 4, verify });

  it('of a pool', () => {
    expect(Object.keys(pool)).toEqual(['bufferSize', 'count']);
  });

  it('of a buffer', () => {
    const buffer = pool.tryAcquire();
    expect(Object.keys(buffer ?? {})).toEqual(['pool', 'index', 'bytes']);
    buffer?.release();
  });

  it('of a run', () => {
    const run = pool.tryAcquireRun(2);
    expect(Object.keys(run ?? {})).toEqual(['pool', 'first', 'memory', 'view', 'offset', 'stride']);
    run?.release();
  });
});

it.each(['buffer-pool', 'buffer-run', 'pooled-buffer'])(
  '%s: no method has an underscore',
  (file) => {
    const folder = new URL('../../../lib/buffers/', import.meta.url);
    expect(readdirSync(folder)).toContain(`${file}.ts`);
    expect(readFileSync(new URL(`${file}.ts`, folder), 'utf8')).not.toMatch(/\b_\w+/);
  },
);
