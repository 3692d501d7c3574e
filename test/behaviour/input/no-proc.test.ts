import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isRoot, needs } from '../../support/requirements.js';
import { root, runNode } from './children.js';

const unshare = ['unshare', ...(isRoot() ? ['-m'] : ['-Urm'])];
const hide = [...unshare, 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];

describe(
  'a system that does not tell how much memory is left',
  needs(canHide(), 'hiding /proc'),
  () => {
    it('has pools all the same', async () => {
      const index = pathToFileURL(join(root, 'dist/index.js')).href;
      const code = `import { BufferPool } from '${index}'; const pool = new BufferPool({ count: 2 });
      console.log(process.availableMemory(), pool.free);`;
      const ended = await runNode(['--input-type=module', '-e', code], { prefix: hide });
      expect(ended).toMatchObject({ code: 0, stdout: '0 2\n' });
    });
  },
);

function canHide(): boolean {
  const [command = '', ...rest] = [...hide, 'true'];
  return spawnSync(command, rest, { stdio: 'ignore' }).status === 0;
}
