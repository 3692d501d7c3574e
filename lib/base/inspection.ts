import { type InspectOptionsStylized, inspect } from 'node:util';

/**
 * Has console.log print of each object of a class its class's name and what a person wants to know. The
 * method is added here, since the declarations would show one that stands in the class.
 */
export function showAs<T extends object>(
  made: { prototype: T },
  factsOf: (object: T) => object,
): void {
  Object.defineProperty(made.prototype, inspect.custom, {
    configurable: true,
    writable: true,
    value(this: T, depth: number, options: InspectOptionsStylized) {
      return show(this, factsOf, depth, options);
    },
  });
}

/** Throws nothing, whatever the object: console.log is what one turns to when something has gone wrong. */
function show<T extends object>(
  object: T,
  factsOf: (object: T) => object,
  depth: number,
  options: InspectOptionsStylized,
): string {
  const name = object.constructor?.name ?? 'Object';
  if (depth < 0) return options.stylize(`[${name}]`, 'special');
  let told: object;
  try {
    told = factsOf(object);
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
