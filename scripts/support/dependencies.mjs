// @ts-check
// The table of allowed imports. ARCHITECTURE.md draws it; this check keeps the drawing
// true.
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { listFiles, root } from './files.mjs';

const rooms = 'lib/generator';
const ROOMS = [
  'base',
  'packets',
  'fields',
  'captures',
  'pace',
  'runs',
  'streams',
  'writing',
  'workers',
  'replay',
];

/**
 * Each folder or file, and what it may import besides itself. For a path, the longest matching name
 * counts.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const MAY_KNOW = {
  'lib/base': [],
  'lib/addon': ['lib/base'],
  'lib/buffers': ['lib/addon', 'lib/base'],
  'lib/engine': ['lib/buffers', 'lib/addon', 'lib/base'],
  'lib/sockets': ['lib/engine', 'lib/buffers', 'lib/addon', 'lib/base'],
  'lib/index.ts': ['lib/sockets', 'lib/engine', 'lib/buffers', 'lib/base'],

  // A wing imports only the door and lib/base, and its rooms import each other in this order.
  ...Object.fromEntries(
    ROOMS.map((room, at) => [
      `${rooms}/${room}`,
      [...ROOMS.slice(0, at).map((below) => `${rooms}/${below}`), 'lib/index.ts', 'lib/base'],
    ]),
  ),
  [`${rooms}/index.ts`]: [rooms],

  // The readings of a thread, for two systems of metrics.
  'lib/metrics/base': ['lib/index.ts', 'lib/base'],
  'lib/metrics': ['lib/metrics/base', 'lib/index.ts', 'lib/base'],
  'lib/prometheus': ['lib/metrics/base', 'lib/index.ts', 'lib/base'],

  // The command imports the door and the other wings.
  'lib/cli/base': ['lib/base'],
  // The doctor reads facts about interfaces from the addon, which the door does not export, since
  // no socket needs them.
  'lib/cli/doctor': ['lib/cli/base', 'lib/index.ts', 'lib/addon', 'lib/base'],
  'lib/cli/live': ['lib/cli/base', 'lib/generator', 'lib/index.ts', 'lib/base'],
  'lib/cli/web': ['lib/cli/live', 'lib/cli/base', 'lib/index.ts', 'lib/base'],
  'lib/cli': [
    'lib/cli/base',
    'lib/cli/doctor',
    'lib/cli/live',
    'lib/cli/web',
    'lib/index.ts',
    'lib/generator',
    'lib/base',
  ],

  'native/core': [],
  'native/kernel': ['native/core'],
  'native/sockets': ['native/kernel', 'native/core'],
  'native/threads': ['native/sockets', 'native/kernel', 'native/core'],
  'native/node': ['native/threads', 'native/sockets', 'native/kernel', 'native/core'],
  'native/testing': ['native'],

  // Rigs and tests use the library as its users do.
  rig: [],
  examples: [],
  bench: ['rig', 'scripts'],
  scripts: [],
};

/**
 * Circles of imports that are allowed. The types of a pool and of its buffers refer to each other.
 *
 * @type {readonly string[]}
 */
const CIRCLES = [
  'lib/buffers/buffer-pool.ts lib/buffers/buffer-run.ts lib/buffers/handles.ts lib/buffers/lender.ts lib/buffers/pool-share.ts lib/buffers/pooled-buffer.ts lib/buffers/share.ts',
];

/** `import`, `import type`, `export … from` and `import()` of a file, and `#include "…"`. */
const IMPORT = /\b(?:from|import)\s*\(?\s*(['"])(\.{1,2}\/[^'"]+)\1|^#include "([^"]+)"/gm;

/**
 * @param {ReadonlyMap<string, string>} sources texts by their paths
 * @returns {{ from: string; to: string; line: number }[]}
 */
function importsOf(sources) {
  const found = [];
  for (const [from, text] of sources) {
    for (const match of text.matchAll(IMPORT)) {
      const [, , relative, included] = match;
      const written = relative ? join(dirname(from), relative) : `native/${included}`;
      const typed = written.replace(/\.js$/, '.ts').replace(/\.mjs$/, '.d.mts');
      const to = [typed, written].map(normalize).find((path) => sources.has(path));
      if (to === undefined || to === from) continue;
      found.push({ from, to, line: text.slice(0, match.index).split('\n').length });
    }
  }
  return found;
}

function placeOf(/** @type {string} */ path) {
  const within = (/** @type {string} */ place) => path === place || path.startsWith(`${place}/`);
  return Object.keys(MAY_KNOW)
    .filter(within)
    .reduce((longest, place) => (place.length > longest.length ? place : longest), '');
}

/**
 * The imports that the table does not allow, each with what is allowed.
 *
 * @param {ReadonlyMap<string, string>} sources texts by their paths
 * @returns {string[]}
 */
export function problemsOf(sources) {
  const imports = importsOf(sources);
  const problems = [];
  for (const { from, to, line } of imports) {
    const place = placeOf(from);
    if (place === '' || place === placeOf(to)) continue;
    const allowed = MAY_KNOW[place] ?? [];
    if (allowed.some((other) => to === other || to.startsWith(`${other}/`))) continue;
    const rule = allowed.length > 0 ? allowed.join(', ') : 'nothing of ours';
    problems.push(`${from}:${line} imports ${to}; ${place} may import ${rule}`);
  }
  const ours = imports.filter(({ from }) => /^(lib|native|rig)\/.*\.(ts|mjs|cc|h)$/.test(from));
  for (const circle of circlesOf(ours)) {
    if (!CIRCLES.includes(circle)) problems.push(`a circle of imports: ${circle}`);
  }
  return problems;
}

/**
 * The files that reach each other, as sorted names (Tarjan's strongly connected components).
 *
 * @param {readonly { from: string; to: string }[]} imports
 */
function circlesOf(imports) {
  /** @type {Map<string, string[]>} */
  const next = new Map();
  for (const { from, to } of imports) {
    const known = next.get(from);
    if (known) known.push(to);
    else next.set(from, [to]);
  }
  /** @type {Map<string, { index: number; low: number; open: boolean }>} */
  const seen = new Map();
  /** @type {string[]} */
  const stack = [];
  /** @type {string[]} */
  const circles = [];
  const visit = (/** @type {string} */ file) => {
    const mark = { index: seen.size, low: seen.size, open: true };
    seen.set(file, mark);
    stack.push(file);
    for (const other of next.get(file) ?? []) {
      const known = seen.get(other);
      if (known === undefined) mark.low = Math.min(mark.low, visit(other).low);
      else if (known.open) mark.low = Math.min(mark.low, known.index);
    }
    if (mark.low === mark.index) {
      const circle = stack.splice(stack.indexOf(file));
      for (const member of circle) /** @type {{ open: boolean }} */ (seen.get(member)).open = false;
      if (circle.length > 1) circles.push(circle.sort().join(' '));
    }
    return mark;
  };
  for (const file of next.keys()) if (!seen.has(file)) visit(file);
  return circles;
}

/** Checks the checkout against the table. */
export async function dependencies() {
  const isSource = (/** @type {string} */ path) => /\.(ts|mts|mjs|cc|h)$/.test(path);
  const files = listFiles(['lib', 'native', 'rig', 'examples', 'bench', 'scripts'], isSource);
  const problems = problemsOf(new Map(files.map((f) => [f, readFileSync(join(root, f), 'utf8')])));
  for (const problem of problems) console.error(problem);
  return { ok: problems.length === 0 };
}
