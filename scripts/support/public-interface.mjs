// @ts-check
// The public interface, as the declarations say it: each exported name, and what its types name in turn.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The entry points of the package, and where their interfaces are written down. */
export const ENTRIES = [
  { entry: 'dist/index.d.ts', report: 'test/types/zerosend.txt' },
  { entry: 'dist/generator/index.d.ts', report: 'test/types/zerosend-generator.txt' },
  { entry: 'dist/metrics/index.d.ts', report: 'test/types/zerosend-metrics.txt' },
  { entry: 'dist/prometheus/index.d.ts', report: 'test/types/zerosend-prometheus.txt' },
];
const [DOOR] = ENTRIES;

/** A statement of a declaration file: what it declares, and its text without comments. */
const DECLARATION =
  /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|let|function|enum|namespace) (\w+)/;

/**
 * The statements of a declaration file. tsc begins each at the start of a line.
 *
 * @param {string} file
 */
function statementsOf(file) {
  const text = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && line.trim() !== '#private;')
    .join('\n');
  return text.split(/\n(?=\S)(?![})\]])/);
}

/**
 * @param {string} file
 * @param {Map<string, string>} declared gets what the file and those that it imports declare
 * @param {Set<string>} [seen]
 * @returns {Set<string>} the names that it exports, for the users of an entry point
 */
function read(file, declared, seen = new Set()) {
  /** @type {Set<string>} */
  const exported = new Set();
  if (seen.has(file)) return exported;
  seen.add(file);
  for (const statement of statementsOf(file)) {
    const from = statement.match(/from '(\.[^']+)\.js';/)?.[1];
    if (from !== undefined) {
      const below = read(join(dirname(file), `${from}.d.ts`), declared, seen);
      if (!statement.startsWith('export')) continue;
      const names = statement.match(/\{([^}]*)\}/)?.[1];
      if (names === undefined) for (const name of below) exported.add(name);
      else for (const name of names.split(',')) exported.add(lastWord(name));
      continue;
    }
    const name = statement.match(DECLARATION)?.[1];
    if (name === undefined) continue;
    const known = declared.get(name);
    declared.set(name, known ? `${known}\n${statement}` : statement); // an overload
    if (statement.startsWith('export')) exported.add(name);
  }
  exported.delete('');
  return exported;
}

function lastWord(/** @type {string} */ text) {
  return text.trim().split(/\s+/).at(-1) ?? '';
}

/** What an entry point exports, and what that names without its being exported. */
function namesOf(/** @type {string} */ entry) {
  /** @type {Map<string, string>} */
  const declared = new Map();
  const exported = read(entry, declared);
  const named = new Set(exported);
  for (const name of named) {
    for (const [word] of (declared.get(name) ?? '').matchAll(/\b[A-Z]\w+\b/g)) {
      if (declared.has(word)) named.add(word);
    }
  }
  return { declared, exported, named };
}

/**
 * The interface of an entry point as text: what it exports, in the order of the alphabet, then what
 * these name without being exported themselves. The report of the door says the rest of what a wing names.
 *
 * @param {string} entry of ENTRIES
 * @param {string} root the folder that it is in
 */
export function publicInterface(entry, root) {
  const { declared, exported, named } = namesOf(join(root, entry));
  const door = entry === DOOR?.entry ? null : namesOf(join(root, DOOR?.entry ?? ''));
  const isOfDoor = (/** @type {string} */ name) =>
    door?.named.has(name) && door.declared.get(name) === declared.get(name);
  const text = (/** @type {Iterable<string>} */ names) =>
    [...names]
      .sort()
      .map((name) => (declared.get(name) ?? name).replace(/^(export )?(declare )?/gm, ''))
      .join('\n\n');
  const inner = [...named].filter((name) => !exported.has(name) && !isOfDoor(name));
  return `${text(exported)}\n\n// not exported\n\n${text(inner)}\n`;
}
