import { constants } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BufferPool, type BufferPoolOptions } from 'zerosend';
import { turn, until } from '../../support/deadline.js';
import { expectAllFree, makePool } from '../../support/endpoints.js';
import {
  coded,
  expectError,
  outOfRange,
  rejectionOf,
  thrownBy,
  wrongType,
} from './expectations.js';
import * as values from './values.js';

/** What a pool of these options throws. */
function failure(options: unknown): unknown {
  return thrownBy(() => new BufferPool(options as BufferPoolOptions));
}

/** A number of /proc/…, in the unit that it has there. */
function proc(file: string, name: string): number {
  const value = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
  return Number(value);
}

describe('the options of a pool', () => {
  it('are an object', () => {
    for (const wrong of values.NOT_AN_OBJECT) expectError(failure(wrong.value), wrongType(wrong));
  });

  it.each([
    ['bufferSize', 2 ** 30],
    ['count', 2 ** 20],
  ])('%s is a whole number from 1 to %i', (name, max) => {
    for (const wrong of values.NOT_A_NUMBER_TYPE) {
      expectError(failure({ [name]: wrong.value }), wrongType(wrong));
    }
    for (const wrong of [...values.outside(1, max), { value: 0, shown: 'number 0' }]) {
      const error = failure({ [name]: wrong.value });
      expectError(error, outOfRange(wrong));
      expect((error as Error).message).toContain(
        `options.${name} must be a whole number from 1 to ${max}`,
      );
    }
  });

  it('hugePages is one of three words', () => {
    for (const wrong of values.NOT_A_CHOICE) {
      expectError(failure({ hugePages: wrong.value }), wrongType(wrong));
    }
  });

  it('init is a function, verify a boolean', () => {
    for (const wrong of values.NOT_A_FUNCTION) {
      expectError(failure({ count: 1, init: wrong.value }), wrongType(wrong));
    }
    for (const wrong of values.NOT_A_BOOLEAN) {
      expectError(failure({ count: 1, verify: wrong.value }), wrongType(wrong));
    }
  });

  it('that are undefined take their defaults', () => {
    const options = {
      bufferSize: undefined,
      count: undefined,
      hugePages: undefined,
      init: undefined,
    };
    const pool = new BufferPool(options as unknown as BufferPoolOptions);
    expect(pool.stats()).toMatchObject({ bufferSize: 65_536, count: 256, free: 256 });
  });
});

describe('memory that there is not', () => {
  it('is refused with what would be needed', () => {
    // More than a Buffer may have, where that is less than a pool may ask for; and more than any.
    const needs = Math.floor(constants.MAX_LENGTH / 2 ** 30) + 1;
    for (const count of [Math.min(needs, 2 ** 20), 2 ** 20]) {
      const error = failure({ bufferSize: 2 ** 30, count });
      expectError(error, coded(RangeError, 'NO_MEMORY', `${2 ** 30 * count} bytes`));
    }
  });

  it('is not promised: the process would be killed for touching it', () => {
    const available = vi.spyOn(process, 'availableMemory').mockReturnValue(2 ** 26);
    onTestFinished(() => available.mockRestore());
    const error = failure({ bufferSize: 2 ** 20, count: 65 });
    expectError(error, coded(RangeError, 'NO_MEMORY', '65 buffers of 1048576 bytes'));
    expect((error as Error).message).toContain(`${2 ** 26} are available`);
    expect(new BufferPool({ bufferSize: 2 ** 20, count: 64 }).free).toBe(64);
  });

  it("hugePages 'explicit' wants pages that are reserved", () => {
    const free = proc('/proc/meminfo', 'HugePages_Free') || 0;
    const error = failure({ bufferSize: 2 ** 21, count: free + 1, hugePages: 'explicit' });
    expectError(error, coded(RangeError, 'NO_HUGE_PAGES', `${(free + 1) * 2 ** 21} bytes`));
  });

  it('mappings are not left behind by pools that could not be', async () => {
    const before = proc('/proc/self/status', 'VmSize');
    for (let i = 0; i < 200; i++)
      failure({ bufferSize: 2 ** 21, count: 100_000, hugePages: 'explicit' });
    expect(proc('/proc/self/status', 'VmSize') - before).toBeLessThan(200 * 1024);
  });
});

describe('an init that throws', () => {
  it('is let through, and is not called again', () => {
    const mine = new Error('mine');
    const seen: number[] = [];
    const init = (_: Buffer, index: number) => {
      seen.push(index);
      if (index === 2) throw mine;
    };
    expect(failure({ bufferSize: 4096, count: 5, init })).toBe(mine);
    expect(seen).toEqual([0, 1, 2]);
  });

  it('leaves no memory behind', async () => {
    const size = 2 ** 26;
    const before = proc('/proc/self/status', 'VmSize');
    const mapped: number[] = [];
    const init = (bytes: Buffer) => {
      mapped.push(proc('/proc/self/status', 'VmSize') - before);
      bytes.fill(1);
      throw new Error('mine');
    };
    for (let i = 0; i < 8; i++) failure({ bufferSize: 4096, count: size / 4096, init });
    expect(Math.min(...mapped)).toBeGreaterThanOrEqual(size / 1024);
    await until(() => {
      global.gc?.();
      return proc('/proc/self/status', 'VmSize') - before < (4 * size) / 1024;
    }, 'the memory of pools that could not be made');
  });
});

describe('acquire', () => {
  it('takes options, a signal and a priority', async () => {
    const pool = makePool({ count: 2 });
    const rejects = async (options: unknown, expected: ReturnType<typeof wrongType>) =>
      expectError(await rejectionOf(() => pool.acquire(options as object)), expected);
    for (const wrong of values.NOT_AN_OBJECT) await rejects(wrong.value, wrongType(wrong));
    for (const wrong of values.NOT_A_SIGNAL)
      await rejects({ signal: wrong.value }, wrongType(wrong));
    for (const wrong of values.NOT_A_NUMBER_TYPE) {
      await rejects({ priority: wrong.value }, wrongType(wrong));
    }
    for (const priority of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      await rejects({ priority }, outOfRange({ shown: String(priority) }));
    }
    expectAllFree(pool);
    expect(pool.stats()).toMatchObject({ waiting: 0, dry: 0 });
  });

  it('takes nothing when its signal has been aborted before', async () => {
    const pool = makePool({ count: 2 });
    const reason = new Error('mine');
    const signal = AbortSignal.abort(reason);
    expect(await rejectionOf(() => pool.acquire({ signal }))).toBe(reason);
    expectAllFree(pool);
  });

  it('rejects on a closed pool, and tryAcquire throws', async () => {
    const pool = makePool({ count: 2 });
    const held = pool.tryAcquire();
    pool.tryAcquire()?.retain(3);
    const waiting = rejectionOf(() => pool.acquire());
    await turn();
    expect(pool.stats().waiting).toBe(1);
    const closed = pool.close();
    const expected = coded(Error, 'POOL_CLOSED');
    expectError(await waiting, expected);
    expectError(await rejectionOf(() => pool.acquire()), expected);
    expectError(
      thrownBy(() => pool.tryAcquire()),
      expected,
    );
    expect(pool.stats()).toMatchObject({ free: 0, acquired: 2, waiting: 0 });
    held?.release();
    expect(pool.close()).toBe(closed);
    expect(pool.stats()).toMatchObject({ free: 1, acquired: 1 });
  });
});
