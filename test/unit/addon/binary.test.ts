import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { libc, target } from '../../../lib/addon/binary.js';

/** What /proc/self/maps has; undefined where it cannot be read. */
let maps: string | undefined;

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const readFileSync = (...args: Parameters<typeof real.readFileSync>) => {
    if (args[0] !== '/proc/self/maps') return real.readFileSync(...args);
    if (maps === undefined) throw new Error('ENOENT');
    return maps;
  };
  return { ...real, readFileSync };
});

const mapped = (...paths: string[]) =>
  ['/usr/bin/node', ...paths, '[stack]', '']
    .map((path) => `7f2b6600000-7f2b6626000 r-xp 00000000 fe:00 1234        ${path}`)
    .join('\n');

let report: object;
beforeEach(() => {
  maps = undefined;
  report = {};
  vi.spyOn(process.report, 'getReport').mockImplementation(() => report as never);
});
afterEach(() => void vi.restoreAllMocks());

it.each([
  ['glibc', mapped('/usr/lib/x86_64-linux-gnu/libc.so.6', '/usr/lib/x86_64-linux-gnu/libm.so.6')],
  ['glibc', mapped('/usr/lib64/libc-2.28.so')],
  ['glibc', mapped('/nix/store/abc-glibc-2.38/lib/libc.so.6')],
  ['glibc', mapped('/usr/lib/libc.so.6 (deleted)')], // upgraded while the process runs
  ['musl', mapped('/lib/ld-musl-x86_64.so.1')], // Alpine
  ['musl', mapped('/usr/lib/aarch64-linux-musl/libc.so')], // Debian's package
  ['musl', mapped('/opt/musl/libc.musl-x86_64.so.1')],
  ['musl', mapped('/lib/ld-musl-x86_64.so.1 (deleted)')],
  ['musl', mapped('/lib/ld-musl-x86_64.so.1', '/usr/glibc-compat/libc.so.6')], // gcompat
])('%s, from what is mapped', (expected, given) => {
  maps = given;
  expect(libc()).toBe(expected);
  expect(target()).toBe(`linux-${process.arch}-${expected}`);
});

it.each([
  ['glibc', { header: { glibcVersionRuntime: '2.36' }, sharedObjects: [] }],
  ['musl', { header: {}, sharedObjects: ['/usr/bin/node', '/lib/ld-musl-x86_64.so.1'] }],
  [undefined, { header: {}, sharedObjects: [] }],
  [undefined, {}],
])('%s, from the report, where nothing mapped tells', (expected, given) => {
  report = given;
  for (maps of [undefined, '', mapped('/usr/lib/libcrypto.so.3', '/opt/libc.so.5')]) {
    expect(libc()).toBe(expected);
    expect(target()).toBe(`linux-${process.arch}-${expected ?? 'glibc'}`);
  }
});

it('asking for the report leaves its settings as they were, and looks up no names', () => {
  const settings = process.report as { excludeNetwork?: boolean };
  settings.excludeNetwork = false;
  let during: boolean | undefined;
  vi.mocked(process.report.getReport).mockImplementation(() => {
    during = settings.excludeNetwork;
    return { header: { glibcVersionRuntime: '2.36' } } as never;
  });
  expect(libc()).toBe('glibc');
  expect(during).toBe(true);
  expect(settings.excludeNetwork).toBe(false);
});
