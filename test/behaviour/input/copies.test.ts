import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, vi } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { ask, copyOfPackage } from './children.js';

// Much to compute, or many programs to run: beside other load that takes its time.
vi.setConfig({ testTimeout: 180_000 });

// A linked package, a bundle that holds the library twice, a registry of modules that was reset: all
// of them find the one binary, which Node.js loads once.
it('copies of the library over one binary each hear of their own sends, and of nothing else', async () => {
  const peer = await startPeer({ protocol: 'tcp', discard: true });
  const folder = copyOfPackage();
  const copies = ['a', 'b', 'c'].map((name) => {
    cpSync(join(folder, 'dist'), join(folder, name, 'dist'), { recursive: true });
    cpSync(join(folder, 'package.json'), join(folder, name, 'package.json'));
    for (const shared of ['build', 'node_modules']) {
      symlinkSync(join(folder, shared), join(folder, name, shared));
    }
    return pathToFileURL(join(folder, name, 'dist/index.js')).href;
  });
  const told = await ask('copies', { copies, port: peer.port });
  expect(told.results).toEqual(
    [10, 20, 30].map((sends) => ({ first: 0, completed: sends, free: 4, outcome: 'drained' })),
  );
  expect(told.foreign).toEqual(['ERR_ZEROSEND_INVALID_ARGUMENT', 'ERR_ZEROSEND_INVALID_ARGUMENT']);
});
