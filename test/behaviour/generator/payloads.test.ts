import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnyField, compile, type PayloadField, template } from 'zerosend/generator';
import { stack } from './support/layer-stacks.js';

const frame = {
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { source: 1024, destination: 53 },
};

/** The payloads of the first packets of a datagram that has nothing else. */
function payloads(field: object, count: number): Buffer[] {
  const sequence = compile(template({ payload: 'x' }), [
    { target: 'payload', ...field } as AnyField,
  ]);
  const bytes = Buffer.alloc(sequence.length);
  sequence.init(bytes);
  return Array.from({ length: count }, () => Buffer.from(bytes.subarray(0, sequence.stamp(bytes))));
}
const texts = (field: object, count: number) => payloads(field, count).map(String);

describe('payloads from a list', () => {
  it('make the packet that a template with each has, in any layers, with fields over them', () => {
    const arbitrary = stack.chain(({ layers }) =>
      fc.record({
        layers: fc.constant(layers),
        list: fc.array(fc.uint8Array({ minLength: 5, maxLength: 70 }), {
          minLength: 1,
          maxLength: 5,
        }),
        order: fc.constantFrom('turn' as const, 'random' as const),
        over: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(arbitrary, ({ layers, list, order, over }) => {
        const number = { layer: 'payload', offset: 1, width: 3 };
        const fields: AnyField[] = [{ target: 'payload', list, order }];
        if (over) fields.push({ target: number, counter: { start: 0xffffff, step: -3 } });
        const sequence = compile(template({ layers }), fields);
        const bytes = Buffer.alloc(sequence.length);
        sequence.init(bytes);
        for (let k = 0; k < 8; k++) {
          const length = sequence.stamp(bytes);
          const made = bytes.toString('hex', 0, length);
          const wanted = list.map((one) => {
            const payload = Buffer.from(one);
            if (over) payload.writeUIntBE(0xffffff - 3 * k, 1, 3);
            return template({ layers, payload }).bytes.toString('hex');
          });
          if (order === 'turn') expect(made).toBe(wanted[k % list.length]);
          else expect(wanted).toContain(made);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('make the same behind a header of an odd number of bytes, whole words or not', () => {
    const { ipv4, udp } = frame;
    const layers = [{ ipv4 }, { udp }, { raw: 'odd' }];
    const list = ['even', 'uneven!', ''];
    const sequence = compile(template({ layers }), [{ target: 'payload', list }]);
    const bytes = Buffer.alloc(sequence.length);
    sequence.init(bytes);
    for (const payload of list) {
      const made = bytes.subarray(0, sequence.stamp(bytes));
      expect(made.toString('hex')).toBe(template({ layers, payload }).bytes.toString('hex'));
    }
  });

  it('of every length are the same in runs as one by one, and touch nothing behind them', () => {
    const list = Array.from({ length: 140 }, (_, i) => {
      return Uint8Array.from({ length: 12 + i }, (_, j) => (31 * i + 7 * j) & 0xff);
    });
    for (const packet of [{ payload: 'x' }, { ...frame, payload: '' }]) {
      const compiled = () =>
        compile(template(packet), [
          { target: 'payload', list },
          { target: { layer: 'payload', offset: 8, width: 2 }, counter: {} },
        ]);
      const [single, sequence] = [compiled(), compiled()];
      const stride = sequence.length + 3;
      const memory = Buffer.alloc(1 + stride * list.length, 0xee);
      const wanted = Buffer.from(memory);
      for (let i = 0; i < list.length; i++) {
        sequence.init(memory.subarray(1 + i * stride));
        wanted.set(
          memory.subarray(1 + i * stride, 1 + i * stride + sequence.length),
          1 + i * stride,
        );
      }
      const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
      const run = { memory, view, offset: 1, stride, count: list.length };
      const lengths = sequence.stampRun(run) as Uint32Array;
      for (const i of list.keys()) {
        expect(lengths[i]).toBe(single.stamp(wanted, 1 + i * stride));
      }
      expect(memory.equals(wanted)).toBe(true);
    }
    // Shorter than a word.
    const short = [[1], [2, 3], [4, 5, 6], [7, 8, 9, 10], [11, 12, 13, 14, 15]];
    const sequence = compile(template({ payload: 'x' }), [
      { target: 'payload', list: short.map((one) => Uint8Array.from(one)) },
    ]);
    const memory = Buffer.alloc(5 * 8, 0xee);
    const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
    sequence.stampRun({ memory, view, offset: 0, stride: 8, count: 5 });
    const rows = Array.from({ length: 5 }, (_, i) => memory.toString('hex', 8 * i, 8 * i + 8));
    expect(rows).toEqual([
      '01eeeeeeeeeeeeee',
      '0203eeeeeeeeeeee',
      '040506eeeeeeeeee',
      '0708090aeeeeeeee',
      '0b0c0d0e0feeeeee',
    ]);
  });

  it('come in turn, with weights, at random, and held', () => {
    const list = ['a', 'bb', 'ccc'];
    expect(texts({ list }, 4)).toEqual(['a', 'bb', 'ccc', 'a']);
    expect(texts({ list, every: 2 }, 5)).toEqual(['a', 'a', 'bb', 'bb', 'ccc']);
    expect(texts({ list, weights: [1, 2, 1] }, 8).sort()).toEqual(
      ['a', 'bb', 'bb', 'ccc', 'a', 'bb', 'bb', 'ccc'].sort(),
    );
    const drawn = texts({ list, weights: [1, 2, 5], order: 'random', seed: 9 }, 8000);
    const share = (text: string) => drawn.filter((one) => one === text).length / 1000;
    expect(share('a')).toBeCloseTo(1, 0);
    expect(share('bb')).toBeCloseTo(2, 0);
    expect(share('ccc')).toBeCloseTo(5, 0);
    expect(texts({ list, weights: [1, 2, 5], order: 'random', seed: 9 }, 8000)).toEqual(drawn);
  });

  it('are copied: what becomes of the list later is nothing to the packets', () => {
    const entry = Buffer.from('before');
    const sequence = compile(template({ payload: 'x' }), [
      { target: 'payload', list: [entry] },
      { target: { layer: 'payload', offset: 0, width: 1 }, list: [0x42] },
    ]);
    expect(entry.toString()).toBe('before');
    entry.fill('x');
    const bytes = Buffer.alloc(6);
    sequence.stamp(bytes);
    expect(bytes.toString()).toBe('Before');
  });

  it('of text, of digits, and what is before and behind each', () => {
    expect(
      texts({ list: ['é', Buffer.from('z')], before: '<', after: Uint8Array.of(62) }, 2),
    ).toEqual(['<é>', '<z>']);
    expect(payloads({ list: ['00 ff', 'A0'], as: 'hex' }, 2)).toEqual([
      Buffer.of(0, 0xff),
      Buffer.of(0xa0),
    ]);
  });

  it('are queries of DNS', () => {
    const names = ['www.example.com', 'example.com. aaaa', '. NS', 'a.b TYPE65'];
    expect(payloads({ list: names, as: 'dns' }, 4).map((bytes) => bytes.toString('hex'))).toEqual([
      '00000100000100000000000003777777076578616d706c6503636f6d0000010001',
      '000001000001000000000000076578616d706c6503636f6d00001c0001',
      '0000010000010000000000000000020001',
      '0000010000010000000000000161016200' + '00410001',
    ]);
  });

  it('are many: a hundred thousand, each as it is', () => {
    const list = Array.from({ length: 100_000 }, (_, i) => `host-${i}.example.com`);
    const sequence = compile(template(frame), [
      { target: 'payload', list },
      { target: 'udp.source', counter: {} },
    ]);
    const bytes = Buffer.alloc(sequence.length);
    sequence.init(bytes);
    sequence.seek({ first: 99_998 });
    for (const k of [99_998, 99_999, 100_000]) {
      const made = bytes.subarray(0, sequence.stamp(bytes));
      const udp = { source: (1024 + k) % 65_536, destination: 53 };
      const expected = template({ ...frame, udp, payload: list[k % 100_000] as string });
      expect(made.equals(expected.bytes)).toBe(true);
    }
  });
});

describe('payloads from a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'zerosend-payloads-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (content: string | Uint8Array) => {
    const path = join(folder, `${process.hrtime.bigint()}`);
    writeFileSync(path, content);
    return path;
  };

  it('are its lines, without their ends, byte for byte', () => {
    const bytes = Buffer.concat([Buffer.from('one\r\n\n\r\ntwo\nthr\ree\n'), Buffer.of(0xff, 0)]);
    const lines = payloads({ file: file(bytes) }, 5);
    expect(lines.map((line) => line.toString('latin1'))).toEqual([
      'one',
      'two',
      'thr\ree',
      '\xff\0',
      'one',
    ]);
    expect(payloads({ file: file('00\nff00\n'), as: 'hex' }, 2)).toEqual([
      Buffer.of(0),
      Buffer.of(255, 0),
    ]);
    const [query] = payloads({ file: file('example.com MX\n'), as: 'dns' }, 1);
    expect(query?.subarray(-4).toString('hex')).toBe('000f0001');
  });

  it('are its records, each behind its length', () => {
    const records = file(Buffer.from('0003616263' + '0001ff' + '0002' + '0d0a', 'hex'));
    expect(payloads({ records, after: '!' }, 3).map((one) => one.toString('latin1'))).toEqual([
      'abc!',
      '\xff!',
      '\r\n!',
    ]);
  });

  const ARGUMENT = 'ERR_ZEROSEND_INVALID_ARGUMENT';
  const RANGE = 'ERR_ZEROSEND_OUT_OF_RANGE';
  const FIELD = 'ERR_ZEROSEND_FIELD';
  it.each<[string, () => object, string, RegExp]>([
    ['no list', () => ({}), ARGUMENT, /fields\[0\]/],
    ['a list and a file', () => ({ list: ['x'], file: 'x' }), ARGUMENT, /list, file/],
    ['an empty list', () => ({ list: [] }), ARGUMENT, /entry/],
    ['a number', () => ({ list: ['x', 3] }), ARGUMENT, /list\[1\].*number 3/],
    ['a hole', () => ({ list: [undefined] }), ARGUMENT, /list\[0\]/],
    ['an empty datagram', () => ({ list: ['x', ''] }), RANGE, /entry 1.*0/],
    ['no digits', () => ({ list: ['0g'], as: 'hex' }), ARGUMENT, /'0g'/],
    ['an unknown way', () => ({ list: ['x'], as: 'base64' }), ARGUMENT, /'base64'/],
    ['an inherited way', () => ({ list: ['x'], as: 'toString' }), ARGUMENT, /'toString'/],
    ['a long label', () => ({ list: ['x'.repeat(64)], as: 'dns' }), RANGE, /labels.*xxx/],
    ['an empty label', () => ({ list: ['a..b'], as: 'dns' }), RANGE, /'a\.\.b'/],
    ['an unknown type', () => ({ list: ['a.b QQ'], as: 'dns' }), ARGUMENT, /'a\.b QQ'/],
    ['no file', () => ({ file: '/nothing/of/this/name' }), 'ENOENT', /nothing/],
    ['an empty file', () => ({ file: file('\n\r\n') }), ARGUMENT, /file/],
    ['a name of the wrong kind', () => ({ file: 3 }), ARGUMENT, /number 3/],
    [
      'a line that is wrong',
      () => ({ file: file('a.b\na.b Z\n'), as: 'dns' }),
      ARGUMENT,
      /:2.*'a\.b Z'/,
    ],
    ['a record that is cut', () => ({ records: file('\0\x05abc') }), RANGE, /byte 0.*3/],
    ['half a length', () => ({ records: file('\0\x01a\0') }), RANGE, /byte 3/],
    ['records as text', () => ({ records: file('\0\x01a'), as: 'hex' }), ARGUMENT, /as/],
    ['a misspelt key', () => ({ list: ['x'], weight: [1] }), ARGUMENT, /weight/],
    ['more than a packet', () => ({ list: [Buffer.alloc(2 ** 20 + 1)] }), RANGE, /1048577/],
  ])('are refused with %s', (_, field, code, message) => {
    expect(() => payloads(field(), 1)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('are refused where a field is behind the shortest, and beside a length', () => {
    const list: PayloadField = { target: 'payload', list: ['1234', '123'] };
    const number = { layer: 'payload', offset: 0, width: 4 };
    const refused = (fields: AnyField[]) =>
      expect(() => compile(template(frame), fields)).toThrow(
        expect.objectContaining({ code: FIELD }),
      );
    refused([list, { target: number, counter: {} }]);
    refused([list, { target: 'length', list: [64] }]);
    expect(isDeepStrictEqual(list, { target: 'payload', list: ['1234', '123'] })).toBe(true);
  });
});
