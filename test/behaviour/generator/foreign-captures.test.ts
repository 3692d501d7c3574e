// Captures that other programs have written, against what tshark reads in them.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { readCapture } from 'zerosend/generator';
import { folderOfFile } from '../../support/folders.js';
import { hasTool, needs } from '../../support/requirements.js';
import { output } from '../../support/run.js';
import { FRAMES, hex } from './support/frames.js';
import { pcap } from './support/pcap-writer.js';

// Much to compute, or many programs to run: beside other load that takes its time.
vi.setConfig({ testTimeout: 180_000 });

const folder = folderOfFile();

const tools = ['tshark', 'editcap', 'mergecap', 'text2pcap'];
const missing = tools.filter((tool) => !hasTool(tool));
describe('captures of other programs', needs(missing.length === 0, tools.join(', ')), () => {
  /** Time, lengths and bytes of each frame, as tshark reads them. */
  const asTshark = async (file: string) => {
    const read = ['-n', '-r', file];
    const fields = ['frame.time_epoch', 'frame.cap_len', 'frame.len'].flatMap((f) => ['-e', f]);
    const [lines, raw] = await Promise.all([
      output(['tshark', ...read, '-T', 'fields', ...fields]),
      output(['tshark', ...read, '-T', 'jsonraw']),
    ]);
    const bytes: string[] = JSON.parse(raw).map(
      // biome-ignore lint/suspicious/noExplicitAny: what tshark writes
      (packet: any) => packet._source.layers.frame_raw[0],
    );
    return lines
      .trimEnd()
      .split('\n')
      .map((line, i) => {
        const [time = '', captured, length] = line.split('\t');
        const [seconds = '', fraction = ''] = time.split('.');
        return {
          time: BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0')),
          captured: Number(captured),
          length: Number(length),
          bytes: bytes[i],
        };
      });
  };
  const asRead = (file: string) => {
    const { frames, problem } = readCapture(file);
    expect(problem).toBeNull();
    return frames.map(({ time, bytes, originalLength }) => ({
      time,
      captured: bytes.length,
      length: originalLength,
      bytes: hex(bytes),
    }));
  };
  const at = (name: string) => join(folder, name);
  const source = at('source.pcap');
  writeFileSync(source, pcap(FRAMES, { nanoseconds: true }));
  const same = async (file: string, count: number) => {
    const read = asRead(file);
    expect(read).toHaveLength(count);
    expect(read).toEqual(await asTshark(file));
  };

  it.each(['pcap', 'nsecpcap', 'modpcap', 'pcapng'])('editcap -F %s', async (format) => {
    const file = at(`editcap.${format}`);
    await output(['editcap', '-F', format, source, file]);
    await same(file, 40);
  });

  it('editcap -s, which cuts frames', async () => {
    const file = at('snapped.pcapng');
    await output(['editcap', '-s', '70', source, file]);
    await same(file, 40);
    expect(readCapture(file).snapped).toBeGreaterThan(10);
  });

  it('editcap -t, with times before 1970 left alone and far ones kept', async () => {
    const file = at('shifted.pcap');
    await output(['editcap', '-F', 'nsecpcap', '-t', '500000000', source, file]);
    await same(file, 40);
  });

  it('mergecap of several link types and clocks, in pcapng', async () => {
    const bare = at('bare.pcap');
    const frames = FRAMES.map(({ bytes, time }) => ({ bytes: bytes.subarray(14), time }));
    writeFileSync(bare, pcap(frames, { linkType: 101 }));
    const file = at('merged.pcapng');
    await output(['mergecap', '-w', file, source, bare]);
    await same(file, 80);
    const types = readCapture(file).frames.map(({ linkType }) => linkType);
    expect(types.filter((type) => type === 101)).toHaveLength(40);
  });

  it('mergecap of one link type, in pcap', async () => {
    const file = at('merged.pcap');
    await output(['mergecap', '-F', 'pcap', '-w', file, source, source]);
    await same(file, 80);
  });

  it('text2pcap', async () => {
    const text = at('dump.txt');
    writeFileSync(
      text,
      FRAMES.map(({ bytes }) =>
        (hex(bytes).match(/.{1,32}/g) ?? [])
          .map(
            (row, i) => `${(i * 16).toString(16).padStart(6, '0')} ${row.match(/../g)?.join(' ')}`,
          )
          .join('\n'),
      ).join('\n\n'),
    );
    const file = at('text.pcapng');
    await output(['text2pcap', '-q', text, file]);
    const read = asRead(file);
    expect(read.map(({ bytes }) => bytes)).toEqual(FRAMES.map(({ bytes }) => hex(bytes)));
    await same(file, 40);
  });

  it('tshark -w', async () => {
    const file = at('tshark.pcapng');
    await output(['tshark', '-n', '-r', source, '-w', file]);
    await same(file, 40);
  });

  it('tcpdump -w', needs(hasTool('tcpdump'), 'the tool tcpdump'), async () => {
    for (const [name, precision] of [
      ['micro', 'micro'],
      ['nano', 'nano'],
    ] as const) {
      const file = at(`tcpdump-${name}.pcap`);
      execFileSync(
        'tcpdump',
        ['-r', source, '-w', file, `--time-stamp-precision=${precision}`, '-Z', 'root'],
        {
          stdio: 'ignore',
        },
      );
      await same(file, 40);
    }
  });
});
