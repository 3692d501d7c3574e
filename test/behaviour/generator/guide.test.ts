import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownNamespace } from '../../../rig/index.mjs';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { succeed } from '../../support/run.js';

const guide = readFileSync(new URL('../../../docs/packet-generator.md', import.meta.url), 'utf8');
const programs = [...guide.matchAll(/^## (.*)$|^```js\n([\s\S]*?)^```$/gm)].reduce<
  { title: string; text: string }[]
>((found, [, title, text]) => {
  if (title !== undefined) found.push({ title, text: '' });
  else if (found.at(-1)?.text === '') (found.at(-1) as { text: string }).text = text ?? '';
  else found.push({ title: `${found.at(-1)?.title}, continued`, text: text ?? '' });
  return found;
}, []);
// What its programs do otherwise is tested with those of all documents.
// Inside the package, so that it finds itself by its name.
const folder = fileURLToPath(new URL(`../../../build/guide-${process.pid}/`, import.meta.url));
const COUNT_TURNS = 'let turns = 0; (function count() { turns++; setImmediate(count); })();';
/** In a namespace with an interface of its own. */
const runHere = (file: string) => {
  const place = ownNamespace(['link add zsx0 type ifb', 'link set zsx0 up']);
  return succeed([...place, process.execPath, file], { cwd: folder });
};

describe('the guide', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const loops = programs.filter(({ text }) => text.includes('for (let sent'));

  it.each(loops)(
    'lets timers and signals through in the loop of: $title',
    async ({ text, title }) => {
      const file = `${folder}/turns-${title.replaceAll(/\W/g, '-')}.mjs`;
      // From when the loop begins: turns of the event loop until it has ended.
      const counted = text.replace('for (let sent', `${COUNT_TURNS}\nfor (let sent`);
      writeFileSync(file, `${counted}\nconsole.log('turns', turns);\nprocess.exit();\n`);
      const { stdout } = await runHere(file);
      // 100,000 frames in runs of at most 256 and a turn for each 32 runs, or a second with many.
      expect(Number(/^turns (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(10);
    },
  );

  it('has loops of both kinds', () => {
    expect(loops).toHaveLength(2);
  });

  it('has a program in each of its chapters about one', () => {
    expect(programs.filter(({ text }) => text !== '')).toHaveLength(8);
  });
});
