import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  announceSeed,
  compileProgram,
  fillDatagram,
  fillStream,
  fillTrain,
  verifyDatagram,
  verifyStream,
} from '../../rig/index.mjs';

const execute = promisify(execFile);

/** What the C definition says. */
async function inC(what: 'stream' | 'datagram', at: number, length: number, seed: number) {
  const args = ['dump', what, String(at), String(length), String(seed)];
  const { stdout } = await execute(await compileProgram('probe'), args, { encoding: 'buffer' });
  return stdout;
}

/** A view that begins `shift` bytes into its memory, surrounded by bytes that nobody may touch. */
function guarded(length: number, shift: number) {
  const memory = new Uint8Array(length + shift + 16).fill(0xee);
  const untouched = () =>
    memory.subarray(0, shift).every((byte) => byte === 0xee) &&
    memory.subarray(shift + length).every((byte) => byte === 0xee);
  return { bytes: memory.subarray(shift, shift + length), untouched };
}

describe('stream content', () => {
  const offsets = [0, 1, 2, 3, 4095, 2 ** 32 - 3, 2 ** 34 - 4098, 2 ** 34 - 1, 2 ** 40 + 5];
  it.each(offsets)('is the same in C and JavaScript at offset %d', async (offset) => {
    for (const seed of [0, 1, 0xfffffffe]) {
      const expected = await inC('stream', offset, 8191, seed);
      for (const shift of [0, 1, 2, 3]) {
        const { bytes, untouched } = guarded(8191, shift);
        fillStream(bytes, offset, seed);
        expect(Buffer.compare(bytes, expected)).toBe(0);
        expect(untouched()).toBe(true);
      }
    }
  });

  it('does not depend on how the stream is cut', () => {
    const whole = new Uint8Array(5000);
    fillStream(whole, 7, 3);
    const cut = new Uint8Array(5000);
    for (let at = 0, step = 1; at < cut.length; at += step, step = (step % 37) + 1) {
      fillStream(cut.subarray(at), 7 + at, 3, Math.min(step, cut.length - at));
    }
    expect(Buffer.compare(cut, whole)).toBe(0);
  });

  it('repeats no word, so that nothing out of place can pass', () => {
    const bytes = new Uint8Array(4 << 20);
    fillStream(bytes, 0, 1);
    expect(new Set(new Uint32Array(bytes.buffer)).size).toBe(1 << 20);
  });

  it('is verified byte by byte', () => {
    const bytes = new Uint8Array(3000);
    fillStream(bytes, 11, 5);
    expect(verifyStream(bytes, 11, 5)).toBe(-1);
    expect(verifyStream(bytes, 12, 5)).toBe(0);
    expect(verifyStream(bytes, 11, 6)).toBe(0);
    bytes[2999]! ^= 1;
    expect(verifyStream(bytes, 11, 5)).toBe(2999);
  });

  it('can announce its seed', () => {
    const bytes = new Uint8Array(9);
    announceSeed(bytes, 0x04030201);
    expect([...bytes]).toEqual([0x5a, 0x53, 0x50, 0x31, 1, 2, 3, 4, 0]);
  });
});

describe('datagram content', () => {
  const lengths = [0, 1, 8, 15, 16, 17, 19, 1400, 65507];
  it.each(lengths)('is the same in C and JavaScript with %d bytes', async (length) => {
    for (const sequence of [0, 1, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
      const expected = await inC('datagram', sequence, length, 0x80000001);
      for (const shift of [0, 1, 2, 3]) {
        const { bytes, untouched } = guarded(length, shift);
        fillDatagram(bytes, sequence, 0x80000001);
        expect(Buffer.compare(bytes, expected)).toBe(0);
        expect(untouched()).toBe(true);
      }
    }
  });

  it.each([16, 1400, 1401, 2 ** 16])('makes trains of segments of %d bytes', (segmentSize) => {
    const length = 64_000;
    const { bytes, untouched } = guarded(length, 3);
    const count = fillTrain(bytes, length, segmentSize, 2 ** 32 - 2, 9);
    expect(count).toBe(Math.ceil(length / segmentSize));
    expect(untouched()).toBe(true);
    for (let i = 0; i < count; i++) {
      const datagram = bytes.subarray(i * segmentSize, (i + 1) * segmentSize);
      const sequence = 2 ** 32 - 2 + i;
      expect(verifyDatagram(datagram)).toEqual({ sequence, seed: 9, firstWrong: -1 });
    }
  });

  it('is verified byte by byte', () => {
    const bytes = new Uint8Array(500);
    fillDatagram(bytes, 4, 2);
    bytes[499]! ^= 0x80;
    expect(verifyDatagram(bytes).firstWrong).toBe(499);
    fillDatagram(bytes, 4, 2);
    expect(verifyDatagram(bytes.subarray(0, 499)).firstWrong).toBe(12); // the length
    expect(() => verifyDatagram(bytes.subarray(0, 15))).toThrow(RangeError);
  });
});
