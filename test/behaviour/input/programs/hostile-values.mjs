// @ts-check
// What a function of the addon may be called with.

/**
 * Whole numbers from 0 to below `limit`, the same in every run: xorshift32.
 * @param {number} seed
 * @returns {(limit: number) => number}
 */
export function randomFrom(seed) {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** @param {number} size */
function detached(size) {
  const memory = new ArrayBuffer(size);
  const bytes = new Uint8Array(memory);
  structuredClone(memory, { transfer: [memory] });
  return bytes;
}

/**
 * @param {{ mailbox: ArrayBuffer }} native
 * @param {(limit: number) => number} random
 */
export function hostileValues(native, random) {
  const REFUSED = new Error('thrown by a getter');
  const thrower = () => {
    throw REFUSED;
  };
  const traps = { get: thrower, has: thrower, getPrototypeOf: thrower, ownKeys: thrower };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  // Node.js 20 has these, the type library for it has not.
  const Resizable = /** @type {any} */ (ArrayBuffer);
  const shrunk = new Resizable(100, { maxByteLength: 200 });
  const beyond = new Uint8Array(shrunk, 50, 20);
  shrunk.resize(10);
  const makers = [
    () => random(2 ** 32),
    () => -random(2 ** 31),
    () => random(2 ** 32) * 2 ** 21,
    () => random(100) + 0.5,
    () => (random(2 ** 20) << 20) | random(8), // a handle of another generation
  ];
  const constants = [
    ...[undefined, null, true, false, 0, -0, -1, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53],
    ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, 5e-324],
    ...['', '1', 'text', 'x'.repeat(1e6), '\ud800', '127.0.0.1', 1n, -(2n ** 70n)],
    ...[Symbol('hostile'), Symbol.iterator, thrower, () => {}, class {}, [], [1, 2, 3], {}],
    ...[Object.create(null), new Date(), /x/, new Map(), new Error('one'), Promise.resolve()],
    ...[new ArrayBuffer(8), new SharedArrayBuffer(8), new DataView(new ArrayBuffer(8))],
    ...[new Uint8Array(0), new Uint8Array(9), new Float64Array(9), new Uint8ClampedArray(9)],
    ...[detached(100), beyond, new Uint8Array(new SharedArrayBuffer(8))],
    ...[new Uint8Array(new Resizable(9, { maxByteLength: 99 })), native.mailbox],
    ...[new Uint8Array(native.mailbox), Object.create(Uint8Array.prototype)],
    ...[new Proxy({}, traps), new Proxy(new Uint8Array(9), {}), revoked.proxy, globalThis],
    { valueOf: thrower, toString: thrower, [Symbol.toPrimitive]: thrower },
    {
      get remote() {
        return thrower();
      },
      get address() {
        return thrower();
      },
    },
  ];
  return {
    REFUSED,
    /** Errors that our own values throw, with a proxy that was revoked among them. */
    isOurs: (/** @type {unknown} */ error) =>
      error === REFUSED || (error instanceof TypeError && /revoked|construct/.test(error.message)),
    /** @returns {any} */
    hostile() {
      const at = random(constants.length + makers.length * 4);
      return at < constants.length ? constants[at] : makers[at % makers.length]?.();
    },
  };
}
