// @ts-check
// Reads what the dynamic linker would read of a shared library (64 bits, little-endian).

const SHT_DYNAMIC = 6;
const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const DT_NEEDED = 1;
const MACHINES = /** @type {Readonly<Record<number, string>>} */ ({ 62: 'x64', 183: 'arm64' });

/**
 * @typedef {object} Library
 * @property {string} arch as in process.arch
 * @property {string[]} exported symbols that others can bind to, sorted
 * @property {string[]} needed libraries that are loaded with it
 * @property {string[]} versions of symbols that those have to have, such as GLIBC_2.28
 */

/**
 * @param {Buffer} file
 * @returns {Library}
 */
export function readElf(file) {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new Error('not an ELF file of 64 bits, little-endian');
  }
  const sections = sectionsOf(file);
  const only = (/** @type {number} */ type) => sections.filter((section) => section.type === type);
  /** A string of the table that belongs to a section. */
  const text = (/** @type {Section} */ { link }, /** @type {number} */ at) => {
    const start = (sections[link]?.offset ?? 0) + at;
    return file.toString('latin1', start, file.indexOf(0, start));
  };

  const exported = only(SHT_DYNSYM).flatMap((section) =>
    entries(section, 24).flatMap((at) => {
      const [info = 0, other = 0] = file.subarray(at + 4);
      const defined = file.readUInt16LE(at + 6) !== 0;
      const seen = info >> 4 !== 0 && (other & 3) === 0; // not local, of default visibility
      return defined && seen ? [text(section, file.readUInt32LE(at))] : [];
    }),
  );
  const needed = only(SHT_DYNAMIC).flatMap((section) =>
    entries(section, 16)
      .filter((at) => Number(file.readBigInt64LE(at)) === DT_NEEDED)
      .map((at) => text(section, Number(file.readBigUInt64LE(at + 8)))),
  );
  const versions = only(SHT_GNU_VERNEED).flatMap((section) => {
    const found = [];
    for (let at = section.offset, count = section.info; count > 0; count--) {
      let each = at + file.readUInt32LE(at + 8);
      for (let left = file.readUInt16LE(at + 2); left > 0; left--) {
        found.push(text(section, file.readUInt32LE(each + 8)));
        each += file.readUInt32LE(each + 12);
      }
      at += file.readUInt32LE(at + 12);
    }
    return found;
  });
  return {
    arch: MACHINES[file.readUInt16LE(18)] ?? 'unknown',
    exported: exported.sort(),
    needed,
    versions,
  };
}

/** @typedef {{ type: number; offset: number; size: number; link: number; info: number }} Section */

/** @param {Buffer} file @returns {Section[]} */
function sectionsOf(file) {
  const start = Number(file.readBigUInt64LE(40));
  const size = file.readUInt16LE(58);
  return Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
      info: file.readUInt32LE(at + 44),
    };
  });
}

/** Where each entry of a section begins. */
function entries(/** @type {Section} */ { offset, size }, /** @type {number} */ each) {
  return Array.from({ length: Math.floor(size / each) }, (_, index) => offset + index * each);
}
