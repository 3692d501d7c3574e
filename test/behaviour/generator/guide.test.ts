import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownNamespace } from '../../../rig/index.mjs';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { succeed } from '../../support/run.js';
import { programs } from '../documents/blocks.js';

// Inside the package, so that programs find it by its name.
const folder = fileURLToPath(new URL(`../../../build/guide-${process.pid}/`, import.meta.url));
const COUNT_TURNS = 'let turns = 0; (function count() { turns++; setImmediate(count); })();';
/** In a namespace with an interface of its own. */
const runHere = (file: string) => {
  const place = ownNamespace(['link add zsx0 type ifb', 'link set zsx0 up']);
  return succeed([...place, process.execPath, file], { cwd: folder });
};

// What else the programs of the guide do is tested with those of all documents.
describe('the guide', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  beforeAll(() => void mkdirSync(folder, { recursive: true }));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const loops = programs.filter(
    ({ file, text }) => file === 'docs/packet-generator.md' && text.includes('for (let sent'),
  );

  it.each(loops)('lets timers and signals through in the loop of line $line', async (program) => {
    const file = `${folder}/turns-${program.line}.mjs`;
    // From when the loop begins: turns of the event loop until it has ended.
    const counted = program.text.replace('for (let sent', `${COUNT_TURNS}\nfor (let sent`);
    writeFileSync(file, `${counted}\nconsole.log('turns', turns);\nprocess.exit();\n`);
    const { stdout } = await runHere(file);
    // 100,000 frames in runs of at most 256 and a turn for each 32 runs, or a second with many.
    expect(Number(/^turns (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(10);
  });

  it('has loops of both kinds', () => {
    expect(loops).toHaveLength(2);
  });
});
