import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { type Declared, declarationsOf } from '../../scripts/support/declarations.mjs';
import { described, pages, render } from '../../scripts/support/reference.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const reference = pages();
const everyName = reference.flatMap(({ exported, named }) => [...exported, ...named]);

/** Names, and members by their paths, that have no comment. */
function uncommented(declared: readonly Declared[], within = ''): string[] {
  return declared.flatMap(({ name, comment, members }) => [
    ...(comment === '' ? [within + name] : []),
    ...uncommented(members, `${within}${name}.`),
  ]);
}

/** What comments link to that is neither an export nor a member of one. */
function strayLinks(declared: readonly Declared[], exported: readonly Declared[]): string[] {
  const members = new Map(exported.map(({ name, members }) => [name, namesOf(members)]));
  const isKnown = (target: string) => {
    const [name = '', member] = target.split('.');
    const its = members.get(name);
    return its !== undefined && (member === undefined || its.includes(member));
  };
  return declared.flatMap(({ name, comment, members: all }) => [
    ...[...comment.matchAll(/\{@link\s+([^}\s]+)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !isKnown(target))
      .map((target) => `${name}: ${target}`),
    ...strayLinks(all, exported),
  ]);
}

const namesOf = (declared: readonly Declared[]) => declared.map(({ name }) => name);

it.each(reference)('$path is what the declarations say: `npm run interface` renews it', (page) => {
  expect(readFileSync(root + page.path, 'utf8')).toBe(render(page));
});

it.each(reference)('$path: each name leads to its own heading', (page) => {
  const times = new Map<string, number>();
  const headings = new Map<string, string>();
  for (const [, name = ''] of render(page).matchAll(/^#{1,2} (.*)$/gm)) {
    const anchor = name.toLowerCase();
    const earlier = times.get(anchor) ?? 0;
    times.set(anchor, earlier + 1);
    headings.set(`#${anchor}${earlier === 0 ? '' : `-${earlier}`}`, name);
  }
  for (const { name } of [...page.exported, ...page.named]) {
    expect([name, headings.get(page.links.get(name) ?? '')]).toEqual([name, name]);
  }
});

it('has a comment for every name that is exported, and for every member and option', () => {
  expect(everyName.length).toBeGreaterThan(70);
  expect(uncommented(everyName)).toEqual([]);
});

it('links to what is exported', () => {
  const exported = reference.flatMap((page) => page.exported);
  expect(strayLinks(everyName, exported)).toEqual([]);
});

it('has an example for each class that users open or make, and for each function', () => {
  const [door, generator] = reference;
  const shown = [...(door?.exported ?? []), ...(generator?.exported ?? [])]
    .filter(({ comment }) => comment.includes('@example'))
    .map(({ name }) => name);
  for (const name of ['TcpSocket', 'UdpSocket', 'PacketSocket', 'XdpSocket', 'ZeroCopySocket']) {
    expect(shown).toContain(name);
  }
  for (const name of ['BufferPool', 'BufferRun', 'PooledBuffer']) expect(shown).toContain(name);
  for (const name of ['generate', 'generateInWorkers', 'replay', 'compile', 'template', 'Pacer']) {
    expect(shown).toContain(name);
  }
});

it('finds what has no comment, and links that lead nowhere', () => {
  const folder = `build/reference/fixture-${process.pid}`;
  mkdirSync(root + folder, { recursive: true });
  const declarations = `
    /** Has one; see {@link B}, {@link Nothing}, {@link A.run} and {@link A.walk}. */
    export declare class A {
      /** @internal */
      hidden: number;
      #inner: string;
      /** Runs; see {@link run}. */
      run(): B;
      stop(): void;
      /** Where. */
      place: {
        left: number;
        /** right */
        right: number;
      };
    }
    export interface B extends Unexported {
      /** first */
      first?: string;
    }
    interface Unexported {}
    export type C = /** one */ 'one' | 'two';
    export {};
  `;
  writeFileSync(`${root}${folder}/index.d.ts`, declarations);
  try {
    const [point] = declarationsOf([`${folder}/index.d.ts`]);
    const { exported = [] } = point ?? {};
    expect(namesOf(exported)).toEqual(['A', 'B', 'C']);
    expect(namesOf(exported[0]?.members ?? [])).toEqual(['run', 'stop', 'place']);
    expect(uncommented(exported)).toEqual(['A.stop', 'A.place.left', 'B', 'C', "C.'two'"]);
    expect(strayLinks(exported, exported)).toEqual(['A: Nothing', 'A: A.walk', 'run: run']);
  } finally {
    rmSync(root + folder, { recursive: true });
    rmSync(`${root}${folder.replace('fixture', 'build-reference-fixture')}-index.d.ts.json`);
  }
});

it('makes Markdown of a comment', () => {
  const comment =
    'Does {@link A.run}.\n@param x bytes\n@param y more\n@returns what\n@throws E\n@example\n```js\n1;\n```';
  const links = new Map([['A', '#a']]);
  expect(described(comment, links)).toBe(
    'Does [`A.run`](#a).\n\n- `x`: bytes\n- `y`: more\n\nReturns: what\n\nThrows: E\n\n```js\n1;\n```',
  );
  expect(() => described('x\n@nothing y', links)).toThrow('@nothing');
});
