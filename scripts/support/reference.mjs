// @ts-check
// The reference of the interface as pages of Markdown, made from the declarations.
import { basename } from 'node:path';
import { declarationsOf } from './declarations.mjs';
import { ENTRIES } from './public-interface.mjs';

/**
 * A page of the reference: an entry point, and where its page lies.
 *
 * @typedef {object} Page
 * @property {string} door what users import: `zerosend/generator`
 * @property {string} path of the page, relative to the root of the checkout
 * @property {import('./declarations.mjs').Declared[]} exported
 * @property {import('./declarations.mjs').Declared[]} named what these name, and no page before it has
 * @property {ReadonlyMap<string, string>} links from a name to its heading, as a link of this page
 */

/** @returns {Page[]} */
export function pages() {
  /** @type {Map<string, string>} */
  const links = new Map();
  const placed = new Set();
  let before = '';
  const points = declarationsOf(ENTRIES.map(({ entry }) => entry));
  return ENTRIES.map(({ report }, at) => {
    const name = basename(report, '.txt');
    const { exported = [], named = [] } = points[at] ?? {};
    const own = named.filter(({ place }) => !placed.has(place));
    // Names of earlier pages stay known; where two pages have the same name, its own is meant.
    for (const [known, link] of links)
      if (link.startsWith('#')) links.set(known, `${before}${link}`);
    /** @type {Map<string, number>} */
    const times = new Map();
    for (const { name: it, place } of [...exported, ...own]) {
      // Headings that differ in nothing but case are told apart by a number.
      const anchor = it.toLowerCase();
      const earlier = times.get(anchor) ?? 0;
      times.set(anchor, earlier + 1);
      links.set(it, `#${anchor}${earlier === 0 ? '' : `-${earlier}`}`);
      placed.add(place);
    }
    before = `${name}.md`;
    const door = name.replace('-', '/');
    return { door, path: `docs/api/${name}.md`, exported, named: own, links: new Map(links) };
  });
}

const INTRODUCTION = `Made from the declarations by \`npm run interface\`, so not to be edited here. Each name has what it
means, with units, defaults, and the codes of errors: see [errors by code](../guides/errors.md).`;

/** @param {Page} page */
export function render({ door, exported, named, links }) {
  const kindOf = (/** @type {string} */ heading) =>
    KINDS.find(([start]) => heading.startsWith(start))?.[1] ?? 'Functions';
  const lists = ['Classes', 'Functions', 'Values', 'Types'].flatMap((kind) => {
    const names = exported.filter(({ heading }) => kindOf(heading) === kind);
    const list = names.map(({ name }) => `[${name}](${links.get(name)})`).join(', ');
    return list === '' ? [] : [`- ${kind}: ${list}`];
  });
  const parts = [
    `# Reference: ${door}`,
    INTRODUCTION,
    lists.join('\n'),
    ...exported.map((declared) => chapter(declared, links)),
  ];
  if (named.length > 0) {
    parts.push(
      '# Named by these',
      'Types that have no name of their own to import.',
      ...named.map((declared) => chapter(declared, links)),
    );
  }
  return `${parts.join('\n\n')}\n`;
}

/** @type {[string, string][]} */
const KINDS = [
  ['class ', 'Classes'],
  ['abstract class ', 'Classes'],
  ['const ', 'Values'],
  ['interface ', 'Types'],
  ['type ', 'Types'],
];

/** @typedef {import('./declarations.mjs').Declared} Declared */
/** @typedef {ReadonlyMap<string, string>} Links */

/** @param {Declared} declared @param {Links} links */
function chapter({ name, heading, comment, members }, links) {
  const parts = [`## ${name}`, code(heading), described(comment, links)];
  const list = members.map((member) => item(member, links)).join('\n');
  return [...parts, list].filter((part) => part !== '').join('\n\n');
}

/** A member with what belongs to it, as an item of a list. @param {Declared} declared @param {Links} links @returns {string} */
function item({ heading, comment, members }, links) {
  const below = members.map((member) => item(member, links)).join('\n');
  const text = [code(heading), described(comment, links)]
    .filter((part) => part !== '')
    .join('\n\n');
  const whole = below === '' ? text : `${text}\n\n${below}`;
  return `- ${whole.replace(/\n(?=.)/g, '\n  ')}`;
}

const code = (/** @type {string} */ text) => `\`${text}\``;

/** What stands before each tag in the page. @type {Record<string, (text: string) => string>} */
const TAGS = {
  param: (text) => `- ${text.replace(/^(\S+) /, '`$1`: ')}`,
  returns: (text) => `Returns: ${text}`,
  throws: (text) => `Throws: ${text}`,
  example: (text) => text,
};

/** A comment as Markdown. @param {string} comment @param {Links} links */
export function described(comment, links) {
  const [text = '', ...tags] = comment.split(/^@(?=\w)|(?<=\.) @(?=param )/m);
  const blocks = [text.trim()];
  for (const tagged of tags) {
    const [, tag = '', rest = ''] = /^(\w+)\s+([\s\S]*)$/.exec(tagged.trim()) ?? [];
    const made = TAGS[tag];
    if (made === undefined) throw new Error(`no such tag: @${tagged}`);
    const block = made(rest);
    // Parameters that follow one another are one list.
    if (tag === 'param' && blocks.at(-1)?.startsWith('- `'))
      blocks.push(`${blocks.pop()}\n${block}`);
    else blocks.push(block);
  }
  return blocks
    .filter((block) => block !== '')
    .join('\n\n')
    .replace(/\{@link ([\w.]+)\}/g, (_, target) => {
      const link = links.get(target) ?? links.get(target.split('.')[0]);
      return link === undefined ? `\`${target}\`` : `[\`${target}\`](${link})`;
    });
}
