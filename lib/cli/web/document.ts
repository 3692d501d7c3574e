import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Snapshot } from '../live/snapshot.js';
import { type Columns, columnsOf } from './columns.js';

/** What a page shows: one moment, and all until then. */
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

/** Where the page's script looks for what is to be shown; without it, it asks the server. */
const DATA = '<!-- data -->';

/** Reads them: those of the page lie beside this file, uPlot's where its package is installed. */
export function readParts(): Parts {
  const own = (name: string) => text(new URL(name, import.meta.url));
  const uplot = import.meta.resolve('uplot');
  const library = (name: string) => text(new URL(`./${name}`, uplot));
  // The page's figures read as those in the terminal: by the same functions.
  const modules = ['../base/format.js', './page/text.mjs', './page/charts.mjs', './page/page.mjs'];
  const scope = modules.map((name) => withoutModules(own(name))).join('\n');
  return {
    html: own('./page/index.html'),
    icon: own('./page/icon.svg'),
    css: `${library('uPlot.min.css')}\n${own('./page/page.css')}`,
    script: `${library('uPlot.iife.min.js')}\n(() => {\n'use strict';\n${scope}})();\n`,
  };
}

/** The page as the server has it: style and script are files beside it. */
export function livePage({ html }: Parts): string {
  return fill(html, {
    policy: '',
    style: '<link rel="stylesheet" href="/page.css">\n<link rel="icon" href="/icon.svg">',
    data: '',
    script: '<script src="/page.js" defer></script>',
  });
}

/**
 * The page as one file, which loads nothing: its policy allows the style and the script that are in it,
 * by their digests, and nothing else. `{{data}}` is where {@link withData} puts what it shows.
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

/** The saved page with what it shows. */
export function withData(page: string, shown: Shown): string {
  const json = JSON.stringify(shown).replaceAll('<', '\\u003c'); // no text can end the element
  return page.replace(DATA, () => `<script type="application/json" id="saved">${json}</script>`);
}

export function shownOf(history: readonly Snapshot[], latest: Snapshot): Shown {
  return { columns: columnsOf(history), snapshot: latest };
}

function fill(html: string, parts: Readonly<Record<string, string>>): string {
  return html.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
}

/** Modules that know each other by name can share one scope, in the order of their imports. */
const withoutModules = (source: string) =>
  source
    .replace(/^import [^;]*;$/gm, '')
    .replace(/^export /gm, '')
    .replace(/^\/\/# .*$/gm, '');

const text = (url: URL) => readFileSync(url, 'utf8');
const digest = (of: string) => `sha256-${createHash('sha256').update(of).digest('base64')}`;
