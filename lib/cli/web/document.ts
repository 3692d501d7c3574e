import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Snapshot } from '../live/snapshot.js';
import { type Columns, columnsOf } from './columns.js';

/** The data of a page: the present snapshot, and the history. */
export interface Shown {
  readonly columns: Columns;
  readonly snapshot: Snapshot;
}

/** The files that a page is made of. */
export interface Parts {
  readonly html: string;
  readonly css: string;
  readonly script: string;
  readonly icon: string;
}

/** The place for data within the page. Without data there, the script asks the server. */
const DATA = '<!-- data -->';

/** Reads the files of the page, which lie beside this one, and those of uPlot. */
export function readParts(): Parts {
  const own = (name: string) => text(new URL(name, import.meta.url));
  const uplot = import.meta.resolve('uplot');
  const library = (name: string) => text(new URL(`./${name}`, uplot));
  // The page formats figures by the same functions as the terminal.
  const modules = ['../base/format.js', './page/text.mjs', './page/charts.mjs', './page/page.mjs'];
  const scope = modules.map((name) => withoutModules(own(name))).join('\n');
  return {
    html: own('./page/index.html'),
    icon: own('./page/icon.svg'),
    css: `${library('uPlot.min.css')}\n${own('./page/page.css')}`,
    script: `${library('uPlot.iife.min.js')}\n(() => {\n'use strict';\n${scope}})();\n`,
  };
}

/** The page for the server, with style and script in files of their own. */
export function livePage({ html }: Parts): string {
  return fill(html, {
    policy: '',
    style: '<link rel="stylesheet" href="/page.css">\n<link rel="icon" href="/icon.svg">',
    data: '',
    script: '<script src="/page.js" defer></script>',
  });
}

/**
 * The page as a single file that loads nothing: its content security policy allows only the style
 * and the script within it, by their digests. {@link withData} replaces `{{data}}` by the data.
 */
export function savedPage({ html, css, script }: Parts): string {
  const policy = [
    "default-src 'none'",
    `style-src '${digest(css)}'`,
    `script-src '${digest(script)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return fill(html, {
    policy: `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    style: `<style>${css}</style>`,
    data: DATA,
    script: `<script>${script}</script>`,
  });
}

/** The saved page with its data. */
export function withData(page: string, shown: Shown): string {
  // so that no text can end the script element
  const json = JSON.stringify(shown).replaceAll('<', '\\u003c');
  return page.replace(DATA, () => `<script type="application/json" id="saved">${json}</script>`);
}

export function shownOf(history: readonly Snapshot[], latest: Snapshot): Shown {
  return { columns: columnsOf(history), snapshot: latest };
}

function fill(html: string, parts: Readonly<Record<string, string>>): string {
  return html.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
}

/**
 * Removes imports and exports, so that the modules can share one scope, in the order of their
 * imports.
 */
const withoutModules = (source: string) =>
  source
    .replace(/^import [^;]*;$/gm, '')
    .replace(/^export /gm, '')
    .replace(/^\/\/# .*$/gm, '');

const text = (url: URL) => readFileSync(url, 'utf8');
const digest = (of: string) => `sha256-${createHash('sha256').update(of).digest('base64')}`;
