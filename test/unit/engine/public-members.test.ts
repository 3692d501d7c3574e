// What a user sees of a socket who looks at it. On the fake addon.
import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { connectTcp, openUdp } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

it('a socket shows no members but those of its emitter', async () => {
  for (const { socket } of [await openUdp(), await connectTcp()]) {
    expect(Object.keys(socket)).toEqual(['_events', '_eventsCount']);
  }
});

it.each([
  'engine/socket',
  'sockets/tcp',
  'sockets/udp',
  'sockets/ring',
  'sockets/packet',
  'sockets/xdp',
])('%s: no member has an underscore', (file) => {
  const source = readFileSync(new URL(`../../../lib/${file}.ts`, import.meta.url), 'utf8');
  expect(source).not.toMatch(/\b_\w+/);
});
