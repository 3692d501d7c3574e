import { expect, it } from 'vitest';
import { time } from '../../../lib/cli/base/format.js';

it.each([
  [0.04, '0.0 µs'],
  [999.9, '999.9 µs'],
  [1000, '1.00 ms'],
  [99_990, '99.99 ms'],
  [186_400, '186 ms'],
  [999_400, '999 ms'],
  [999_600, '1.00 s'],
  [1e6, '1.00 s'],
  [61_500_000, '61.50 s'],
])('shows a time of %d µs as a person would write it', (microseconds, text) => {
  expect(time(microseconds)).toBe(text);
});
