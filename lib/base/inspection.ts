import { type InspectOptionsStylized, inspect } from 'node:util';

/** The name of the method by which console.log shows an object. */
export const shown = inspect.custom;

/**
 * What console.log prints of an object: the name of its class, and what a person wants to know.
 * Nothing of it throws: console.log is what one turns to when something has gone wrong.
 */
export function show(
  object: object,
  facts: () => object,
  depth: number,
  options: InspectOptionsStylized,
): string {
  const name = object.constructor?.name ?? 'Object';
  if (depth < 0) return options.stylize(`[${name}]`, 'special');
  let told: object;
  try {
    told = facts();
  } catch {
    return `${name} {}`; // made after the class, not by it
  }
  // null: without end
  return `${name} ${inspect(told, { ...options, depth: options.depth === null ? null : depth })}`;
}

/** As in a URL: `127.0.0.1:80`, `[::1]:80`. */
export function showAddress(end: { address: string; port: number }): string {
  return end.address.includes(':') ? `[${end.address}]:${end.port}` : `${end.address}:${end.port}`;
}
