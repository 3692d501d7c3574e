import { writeFileSync } from 'node:fs';
import { custom, integer, text } from '../base/options.js';
import type { Terminal } from '../base/terminal.js';
import type { Monitor } from '../live/monitor.js';
import { readParts, savedPage, shownOf, withData } from './document.js';
import { PageServer } from './server.js';

const PORT = integer('', { min: 0, max: 65_535, default: 0 });

/** The options of commands whose run can be shown as a page. */
export const WEB_OPTIONS = {
  web: {
    ...custom(
      'show the run on a page of this machine, by default on a free port: 127.0.0.1 only, read-only',
      (given): number => PORT.read?.(given) ?? 0,
      { placeholder: 'PORT', default: undefined },
    ),
    bare: '0',
  },
  'web-save': text('write the page as it is in the end: one HTML file, which needs nothing else', {
    placeholder: 'FILE',
    default: undefined,
  }),
};

/**
 * Serves the page if `--web` was given, and prints its address. Disposing of the result, after
 * `monitor.end`, saves the page if that was asked for, lets all clients receive the end, and
 * closes.
 * @throws the error for the port (`EADDRINUSE`, `EACCES`), before anything is sent
 */
export async function watchRun(
  monitor: Monitor,
  options: { readonly web: number | undefined; readonly 'web-save': string | undefined },
  terminal: Terminal,
): Promise<AsyncDisposable> {
  const { web, 'web-save': file } = options;
  const page = web === undefined ? undefined : await PageServer.open(monitor, web);
  if (page) terminal.note(`watch it at ${page.url}`);
  return {
    async [Symbol.asyncDispose]() {
      const { latest, history } = monitor;
      if (file !== undefined && latest !== null) {
        try {
          writeFileSync(file, withData(savedPage(readParts()), shownOf(history, latest)));
          terminal.note(`the page is in ${file}`);
        } catch (error) {
          terminal.note(`zerosend: the page could not be saved: ${(error as Error).message}`);
        }
      }
      await page?.close();
    },
  };
}
