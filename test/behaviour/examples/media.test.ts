// examples/media.mjs, and a receiver that looks at every byte.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderOfFile } from '../../support/folders.js';
import { Listener } from '../generator/support/listener.js';
import { run } from './run.js';

const folder = folderOfFile();

const PIECES = 80; // a second
const SECONDS = 1;
const BYTES = 500;
const EACH = PIECES * SECONDS;
const TICKS = 90_000 / PIECES;
// Not a multiple of the piece, so that pieces go across its end.
const MEDIA = randomBytes(7777);
const file = join(folder, 'media');
writeFileSync(file, MEDIA);

/** Piece `number` of the file, again and again. */
function pieceOf(number: number): Buffer {
  const from = (number * BYTES) % MEDIA.length;
  return Buffer.concat([MEDIA, MEDIA]).subarray(from, from + BYTES);
}

describe('media.mjs', () => {
  it('sends each piece to all, each behind headers that count by themselves, paced', async () => {
    const listeners = [await Listener.open(), await Listener.open(), await Listener.open()];
    // Twice to each, and a range of one.
    const to = [...listeners, ...listeners].flatMap(({ port }, i) => [
      '--to',
      `127.0.0.1:${port}${i === 0 ? `-${port}` : ''}`,
    ]);
    const words = ['--pieces', `${PIECES}`, '--seconds', `${SECONDS}`, '--bytes', `${BYTES}`];
    const began = performance.now();
    let last = 0;
    const ended = run('media.mjs', ['--file', file, ...to, ...words]);
    const all = await Promise.all(listeners.map((one) => one.datagrams(2 * EACH)));
    last = performance.now();
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // The last packet is due so long after the first, which this process was there to see.
    const packets = 6 * EACH;
    expect(last - began).toBeGreaterThan(((packets - 6) / (6 * PIECES)) * 1000);
    for (const datagrams of all) {
      expect(datagrams).toHaveLength(2 * EACH);
      const firsts = datagrams.slice(0, 2);
      const [a, b] = firsts.map((one) => one.readUInt32BE(8));
      expect(a).not.toBe(b);
      for (const [i, datagram] of datagrams.entries()) {
        const number = i >> 1; // in turn: the pace lets no receiver overtake
        const first = firsts[i % 2] as Buffer;
        const header = Buffer.from(first.subarray(0, 12));
        header.writeUInt16BE((first.readUInt16BE(2) + number) & 0xffff, 2);
        header.writeUInt32BE((first.readUInt32BE(4) + number * TICKS) % 2 ** 32, 4);
        const wanted = Buffer.concat([header, pieceOf(number)]);
        if (!datagram.equals(wanted)) expect(datagram.toString('hex')).toBe(wanted.toString('hex'));
        expect(header.readUInt16BE(0)).toBe(0x8060);
      }
    }
    expect(stdout).toContain(`${packets} packets to 6 receivers, 0 refused, 0 failed\n`);
    const [, achieved] =
      /^([\d.]+) packets a second of 480\.0, at most \d+ at once/m.exec(stdout) ?? [];
    expect(Number(achieved)).toBeLessThanOrEqual((480 * packets) / (packets - 6));
  });

  it('goes on when one of the receivers cannot be reached', async () => {
    const listener = await Listener.open();
    const to = ['--to', `127.0.0.1:${listener.port}`, '--to', '255.255.255.255:9'];
    const words = ['--pieces', '500', '--seconds', '0.1', '--bytes', '100'];
    const { code, stdout, stderr } = await run('media.mjs', ['--file', file, ...to, ...words]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // EACCES, without SO_BROADCAST.
    expect(stdout).toContain('50 packets to 2 receivers, 50 refused, 0 failed\n');
    expect(await listener.datagrams(50)).toHaveLength(50);
  });
});
