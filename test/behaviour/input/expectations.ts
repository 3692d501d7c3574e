import { expect } from 'vitest';
import type { Wrong } from './values.js';

export interface Expected {
  type: typeof Error;
  code: string;
  /** Text that the message has to contain: the received value. */
  shown?: string | undefined;
}

export const wrongType = ({ shown }: Partial<Wrong>): Expected => ({
  type: TypeError,
  code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
  shown,
});

export const outOfRange = ({ shown }: Partial<Wrong>): Expected => ({
  type: RangeError,
  code: 'ERR_ZEROSEND_OUT_OF_RANGE',
  shown,
});

export const coded = (type: typeof Error, code: string, shown?: string): Expected => ({
  type,
  code: /^E[A-Z]+$/.test(code) ? code : `ERR_ZEROSEND_${code}`,
  shown,
});

/** Asserts class (not only a base of it), code, and that the message shows what was received. */
export function expectError(error: unknown, { type, code, shown = '' }: Expected): void {
  const { message, code: actual } = error as Error & { code?: string };
  const got = { type: (error as Error).constructor.name, code: actual, message };
  expect(got).toEqual({ type: type.name, code, message: expect.stringContaining(shown) });
  expect(message.length).toBeLessThan(400);
}

/** What an action throws. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error(`did not throw: ${action}`);
}

/** What a promise is rejected with; a function that throws at once is a fault. */
export async function rejectionOf(action: () => Promise<unknown>): Promise<unknown> {
  const promise = action();
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`did not reject: ${action}`);
}
