import { describe, expect, it } from 'vitest';
import { BufferRun, runOf } from '../../../lib/buffers/buffer-run.js';
import { InFlight } from '../../../lib/engine/in-flight.js';
import { FakeFrames, SIZE, STRIDE } from './runs.js';

const coded = (code: string) => expect.objectContaining({ code });
const FREE = coded('ERR_ZEROSEND_BUFFER_FREE');
const IN_FLIGHT = coded('ERR_ZEROSEND_BUFFER_IN_FLIGHT');
const RANGE = coded('ERR_ZEROSEND_OUT_OF_RANGE');
const ARGUMENT = coded('ERR_ZEROSEND_INVALID_ARGUMENT');

describe('BufferRun', () => {
  it('is where its pool says', () => {
    const frames = new FakeFrames(10);
    frames.run(3);
    const run = frames.run(4);
    expect(run).toMatchObject({ first: 3, count: 4, offset: 3 * STRIDE, stride: STRIDE });
    for (let i = 0; i < run.count; i++) {
      run.memory.write('run', run.offset + i * run.stride);
      run.view.setUint8(run.offset + i * run.stride + 3, i);
      const bytes = run.bytes(i);
      expect(bytes).toHaveLength(SIZE);
      expect(bytes.subarray(0, 4)).toEqual(Buffer.from(`run${String.fromCharCode(i)}`));
    }
  });

  it.each([-1, 4, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('has no buffer %s', (index) => {
    const run = new FakeFrames(10).run(4);
    expect(() => run.bytes(index)).toThrow(RANGE);
  });

  it('refuses what is no number for a buffer', () => {
    const run = new FakeFrames(10).run(4);
    expect(() => run.bytes('0' as unknown as number)).toThrow(ARGUMENT);
  });

  it('is free once released', () => {
    const frames = new FakeFrames(4);
    const run = frames.run(4);
    run.release();
    expect(frames.takeBack()).toEqual(['0 unsent', '1 unsent', '2 unsent', '3 unsent']);
    expect(frames).toMatchObject({ told: 1, counts: { free: 4, acquired: 0 } });
    expect(() => run.release()).toThrow(FREE);
    expect(() => runOf(run).assertHeld('send')).toThrow('cannot send buffers 0 to 3');
    run[Symbol.dispose]();
    expect(frames.counts.free).toBe(4);
  });

  it('is in flight until the last of its ids, and free then', () => {
    const frames = new FakeFrames(4);
    const run = frames.run(3);
    const inFlight = new InFlight(9);
    inFlight.addRun(runOf(run));
    expect(frames.counts).toEqual({ free: 1, acquired: 0, inFlight: 3, retired: 0 });
    expect(() => run.release()).toThrow(IN_FLIGHT);
    inFlight.complete(9, 10, false);
    expect(() => runOf(run).assertHeld('send')).toThrow(IN_FLIGHT);
    run[Symbol.dispose]();
    expect(frames.counts).toEqual({ free: 3, acquired: 0, inFlight: 1, retired: 0 });
    expect(runOf(run).state).toBe('in flight');
    inFlight.complete(11, 11, false);
    expect(() => run.release()).toThrow(FREE);
    expect(runOf(run).state).toBe('free');
    run[Symbol.dispose]();
    expect(frames.counts).toEqual({ free: 4, acquired: 0, inFlight: 0, retired: 0 });
  });

  it('can be used again, with another length', () => {
    const frames = new FakeFrames(8);
    const run = frames.run(5);
    run.release();
    runOf(run).acquired(2, null);
    expect(run.count).toBe(2);
    expect(() => run.bytes(2)).toThrow(RANGE);
    run.release();
    expect(() => run.release()).toThrow('buffers 0 to 1');
  });

  it('is released by the end of its scope, once', () => {
    const frames = new FakeFrames(4);
    {
      using run = frames.run(2);
      expect(run.count).toBe(2);
    }
    {
      using run = frames.run(2);
      run.release();
    }
    expect(frames.counts).toEqual({ free: 4, acquired: 0, inFlight: 0, retired: 0 });
  });

  it('is told from what only looks like one', () => {
    const forged: BufferRun = Object.create(BufferRun.prototype);
    expect(() => forged.release()).toThrow(ARGUMENT);
    expect(() => runOf(forged)).toThrow(ARGUMENT);
    expect(() => forged[Symbol.dispose]()).toThrow(ARGUMENT);
    expect(() => forged.count).toThrow(ARGUMENT);
    expect(() => forged.bytes(0)).toThrow(ARGUMENT);
  });
});
