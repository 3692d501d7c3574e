// @ts-check

const COUNT = 16; // as many as the library and c/sender.c use in turn between two reapings

/** Buffers of a copying sender, used in turn. @param {number} size @returns {Buffer[]} */
export function hotBuffers(size, count = COUNT) {
  return Array.from({ length: count }, (_, index) => Buffer.alloc(size, index + 1));
}
