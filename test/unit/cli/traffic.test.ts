import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from '../../../lib/cli/base/parse.js';
import { checkCombination } from '../../../lib/cli/send/combinations.js';
import { command } from '../../../lib/cli/send/command.js';
import { trafficOf } from '../../../lib/cli/send/traffic.js';
import { folderOfFile } from '../../support/folders.js';

const folder = folderOfFile();

let files = 0;
function file(content: object | string): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** What a command line describes. */
function traffic(args: readonly string[]) {
  const { options, positionals } = parse(command, args);
  const destination = checkCombination(options, positionals);
  const { packet, xdp, output } = options;
  const frames = packet ?? xdp ?? output;
  return trafficOf(options, destination, frames === undefined ? null : { interfaceName: null });
}

describe('files of packets that are wrong', () => {
  const of = (option: string, content: object | string, ...more: string[]) => [
    ...['127.0.0.1:9', option, file(content)],
    ...more,
  ];
  const STREAM = { rate: 1, template: { payload: 'x' } };

  it.each<[() => string[], RegExp]>([
    [() => of('--mix', '"x"'), /--mix: .* has to hold a list of parts, or an object/],
    [() => of('--mix', { parts: 5 }), /--mix: parts has to be an array/],
    [() => of('--mix', []), /not empty/],
    [() => of('--mix', { part: [] }), /has no 'part'; it takes parts, order/],
    [() => of('--mix', { parts: [{ template: {} }], order: 'odd' }), /'interleaved' or 'sequence'/],
    [() => of('--mix', [{ template: { length: 9 }, weight: 0 }]), /options\.mix\[0\]\.weight/],
    [() => of('--mix', [{ template: 'none.json' }]), /--mix: parts\[0\] template .*ENOENT/],
    [
      () => of('--mix', [{ template: {}, fields: ['x'] }]),
      /--mix: parts\[0\] fields\[0\] takes TARGET/,
    ],
    [
      () => of('--mix', [{ template: {} }], '--size', '5'),
      /--mix says what packets are: --size is not/,
    ],
    [() => of('--mix', [{ template: {} }], '--template', 'x'), /one of --template and --mix/],
    [() => of('--streams', [{ template: {} }]), /--streams: streams\[0\] needs a rate/],
    [() => of('--streams', [{ ...STREAM, rate: 'fast' }]), /streams\[0\] rate has to be a rate/],
    [() => of('--streams', [{ ...STREAM, to: 'host:9' }]), /stream 1: to has to be ADDRESS:PORT/],
    [() => of('--streams', [{ ...STREAM, copies: 0 }]), /copies has to be a whole number/],
    [
      () => of('--streams', [{ ...STREAM, copies: 70_000 }]),
      /at most 65536 streams; received 70000/,
    ],
    [() => of('--streams', [{ ...STREAM, join: '2s', leave: '1s' }]), /leave has to be later/],
    [
      () => of('--streams', [{ ...STREAM, changes: [{ at: 1 }] }]),
      /streams\[0\]\.changes\[0\] needs 'at'/,
    ],
    [() => of('--streams', [{ ...STREAM, speed: 1 }]), /has no 'speed'/],
    [() => of('--streams', [STREAM], '--rate', '5'), /each has its own: --rate/],
    [() => of('--streams', [STREAM], '--workers', '2'), /from one thread/],
    [() => of('--streams', [STREAM], '--protocol', 'tcp'), /are for UDP sockets/],
    [() => ['--streams', file([STREAM])], /stream 1 says not where 'to'/],
    [() => ['--packet', 'a', '--streams', file([STREAM])], /frames need a DESTINATION/],
    [() => ['a:1', '--bursts', '5/1s', '--rate', '5'], /--bursts takes the place/],
    [() => ['a:1', '--poisson'], /--poisson needs a --rate/],
    [() => ['a:1', '--catch-up', '1s'], /--catch-up needs a --rate/],
    [() => ['a:1', '--rate', '5', '--seed', '1'], /--seed needs --poisson, or a --field/],
  ])('%#', (args, message) => {
    expect(() => traffic(args())).toThrow(message);
  });
});

describe('templates of streams', () => {
  it('have the headers of the command line where they have none, in mixes as well', () => {
    const path = file([
      { rate: 1, mix: [{ template: { length: 64 } }, { weight: 3, template: { length: 100 } }] },
      { rate: 1, template: { payload: 'x' } },
    ]);
    const { content, longest } = traffic(['--packet', 'x', '198.18.0.2:9', '--streams', path]);
    expect(longest).toBe(100);
    const streams = 'streams' in content ? content.streams : [];
    const parts = streams[0]?.mix?.parts ?? [];
    expect(parts.map(({ description, weight }) => [description.length, weight])).toEqual([
      [64, undefined],
      [100, 3],
    ]);
    for (const { description } of [...parts, ...streams.slice(1)])
      expect(description.ipv4?.destination).toBe('198.18.0.2');
  });

  it.each([
    [
      { rate: 1, mix: [{ template: {} }], template: {} },
      /takes either template and fields, or mix/,
    ],
    [{ rate: 1, template: {}, order: 'sequence' }, /takes either template and fields, or mix/],
    [{ rate: 1, mix: [{ template: 5 }] }, /streams\[0\]\.mix\[0\] template has to be an object/],
  ])('are refused: %j', (stream, message) => {
    const path = file([stream]);
    expect(() => traffic(['127.0.0.1:9', '--streams', path])).toThrow(message);
  });
});

describe('what goes to one place', () => {
  const STREAM = { rate: 1, template: { payload: 'x' } };
  it('has no goal for each stream, so that packets are handed over by runs', () => {
    const path = file([STREAM, { ...STREAM, copies: 3 }]);
    const { content } = traffic(['127.0.0.1:9', '--streams', path]);
    expect('streams' in content && content.streams.map(({ to }) => to)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('has the DESTINATION where others have goals of their own', () => {
    const path = file([STREAM, { ...STREAM, to: '127.0.0.2:5' }]);
    const { content } = traffic(['127.0.0.1:9', '--streams', path]);
    expect('streams' in content && content.streams.map(({ to }) => to)).toEqual([
      { address: '127.0.0.1', port: 9 },
      { address: '127.0.0.2', port: 5 },
    ]);
  });
});
