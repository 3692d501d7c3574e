/**
 * An XDP program that lets every packet pass, as an ELF object that `ip link set … xdpdrv object` loads.
 * With it, the receiving end of a veth copies what arrives into pages of its own, as a network card does
 * by DMA; without it the kernel would copy on the sender's behalf. The name of the section says that it
 * takes packets out of several fragments (BPF_F_XDP_HAS_FRAGS), which GSO packets of 64 KB are.
 */
export const XDP_SECTION = 'xdp.frags';

const PROGRAM = Buffer.from(
  'b700000002000000' + // r0 = XDP_PASS
    '9500000000000000', // exit
  'hex',
);
const LICENSE = Buffer.from('GPL\0');
const STRINGS = Buffer.from(`\0.strtab\0.symtab\0${XDP_SECTION}\0license\0pass\0`);

const HEADER = 64; // bytes of an ELF header, and of a section header
const SYMBOL = 24;
const PROGRAM_SECTION = 3;
const GLOBAL_FUNCTION = 0x12; // STB_GLOBAL, STT_FUNC

interface Section {
  readonly name: string;
  /** SHT_PROGBITS 1, SHT_SYMTAB 2, SHT_STRTAB 3 */
  readonly type: number;
  readonly bytes: Buffer;
  readonly flags?: number;
  readonly link?: number;
  /** of a symbol table: its first global symbol */
  readonly info?: number;
  readonly entrySize?: number;
}

/** @returns the bytes of the object file (elf(5), little-endian, EM_BPF) */
export function xdpPassObject(): Buffer {
  const sections: readonly Section[] = [
    { name: '', type: 0, bytes: Buffer.alloc(0) },
    { name: '.strtab', type: 3, bytes: STRINGS },
    { name: '.symtab', type: 2, bytes: symbols(), link: 1, info: 1, entrySize: SYMBOL },
    { name: XDP_SECTION, type: 1, bytes: PROGRAM, flags: 6 }, // SHF_ALLOC, SHF_EXECINSTR
    { name: 'license', type: 1, bytes: LICENSE, flags: 3 }, // SHF_WRITE, SHF_ALLOC
  ];
  const contents: Buffer[] = [];
  const headers: Buffer[] = [];
  let offset = HEADER;
  for (const section of sections) {
    headers.push(sectionHeader(section, offset));
    const padding = Buffer.alloc(-section.bytes.length & 7);
    contents.push(section.bytes, padding);
    offset += section.bytes.length + padding.length;
  }
  return Buffer.concat([fileHeader(offset, sections.length), ...contents, ...headers]);
}

const nameOf = (name: string) => (name === '' ? 0 : STRINGS.indexOf(`${name}\0`, 1));

function symbols(): Buffer {
  const table = Buffer.alloc(2 * SYMBOL); // the first one is empty
  table.writeUInt32LE(nameOf('pass'), SYMBOL);
  table.writeUInt8(GLOBAL_FUNCTION, SYMBOL + 4);
  table.writeUInt16LE(PROGRAM_SECTION, SYMBOL + 6);
  table.writeBigUInt64LE(BigInt(PROGRAM.length), SYMBOL + 16);
  return table;
}

function sectionHeader(section: Section, offset: number): Buffer {
  const { name, type, bytes, flags = 0, link = 0, info = 0, entrySize = 0 } = section;
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(nameOf(name), 0);
  header.writeUInt32LE(type, 4);
  header.writeBigUInt64LE(BigInt(flags), 8);
  header.writeBigUInt64LE(BigInt(type === 0 ? 0 : offset), 24);
  header.writeBigUInt64LE(BigInt(bytes.length), 32);
  header.writeUInt32LE(link, 40);
  header.writeUInt32LE(info, 44);
  header.writeBigUInt64LE(8n, 48); // alignment
  header.writeBigUInt64LE(BigInt(entrySize), 56);
  return header;
}

function fileHeader(sectionHeaders: number, sections: number): Buffer {
  const header = Buffer.alloc(HEADER);
  header.write('\x7fELF\x02\x01\x01', 'latin1'); // 64 bits, little-endian, version 1
  header.writeUInt16LE(1, 16); // ET_REL
  header.writeUInt16LE(247, 18); // EM_BPF
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(sectionHeaders), 40);
  header.writeUInt16LE(HEADER, 52);
  header.writeUInt16LE(HEADER, 58);
  header.writeUInt16LE(sections, 60);
  header.writeUInt16LE(1, 62); // the section of names
  return header;
}
