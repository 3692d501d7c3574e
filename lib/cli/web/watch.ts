import { writeFileSync } from 'node:fs';
import { custom, integer, text } from '../base/options.js';
import type { Terminal } from '../base/terminal.js';
import type { Monitor } from '../live/monitor.js';
import { readParts, savedPage, shownOf, withData } from './document.js';
import { PageServer } from './server.js';

const PORT = integer('', { min: 0, max: 65_535, default: 0 });

/** The options of a command whose run can be watched by a page. */
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
 * Opens the page that was asked for, and says where it is. Disposing of it, after `monitor.end`, saves
 * what is to be saved, has every page take in the end, and closes.
 * @throws what the port is refused with (`EADDRINUSE`, `EACCES`), before anything is sent
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
