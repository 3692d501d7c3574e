import { type InspectOptionsStylized, inspect } from 'node:util';

/**
 * Has console.log print, for each object of a class, the name of the class and the facts that
 * `factsOf` returns. The method is added to the prototype, since the declarations would show one
 * that is written in the class.
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

/**
 * Never throws, whatever the object, since console.log is used when something has gone wrong
 * already.
 */
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
    return `${name} {}`; // an object that has the prototype, but was not made by the class
  }
  // null means without limit
  return `${name} ${inspect(told, { ...options, depth: options.depth === null ? null : depth })}`;
}

/** Formats an address and port as in a URL: `127.0.0.1:80`, `[::1]:80`. */
export function showAddress(end: { address: string; port: number }): string {
  return end.address.includes(':') ? `[${end.address}]:${end.port}` : `${end.address}:${end.port}`;
}
