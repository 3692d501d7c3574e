// Numbers for people.

export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

function scaled(value: number, unit: string): string {
  const prefixes = ['', 'k', 'M', 'G', 'T'];
  let power = 0;
  while (value >= 1000 && power < prefixes.length - 1) {
    value /= 1000;
    power++;
  }
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${prefixes[power]}${unit}`;
}

export const bytes = (value: number): string => scaled(value, 'B');

/** @param value bits a second */
export const bits = (value: number): string => scaled(value, 'bit/s');

/** @param value 0 to 1 */
export const share = (value: number): string =>
  `${(value * 100).toFixed(value === 0 || value === 1 ? 0 : 1)}%`;

export function time(microseconds: number): string {
  if (microseconds < 1000) return `${microseconds.toFixed(1)} µs`;
  const milliseconds = microseconds / 1000;
  if (milliseconds < 999.5) return `${milliseconds.toFixed(milliseconds < 100 ? 2 : 0)} ms`;
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
