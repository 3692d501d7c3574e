// @ts-check
// docs/command-line.md has the help of each command as it prints it: `npm run interface` renews it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './files.mjs';

export const COMMAND_LINE = 'docs/command-line.md';

const dist = (/** @type {string} */ file) =>
  import(pathToFileURL(join(root, 'dist/cli', file)).href);

/**
 * What `zerosend NAME --help` prints, of every command by its name.
 *
 * @returns {Promise<ReadonlyMap<string, string>>}
 */
export async function helpOfAll() {
  const { COMMANDS } = await dist('commands.js');
  const { helpOf } = await dist('base/help.js');
  /** @type {Map<string, string>} */
  const all = new Map();
  for (const [name, entry] of Object.entries(COMMANDS)) {
    all.set(name, helpOf((await entry.load()).command));
  }
  return all;
}

/**
 * The document with the help of now; a command that has no section yet gets one.
 *
 * @param {string} text
 * @param {ReadonlyMap<string, string>} help
 */
export function renewed(text, help) {
  let result = text;
  for (const [name, printed] of help) {
    const block = ['```text', `$ zerosend ${name} --help`, printed, '```'].join('\n');
    const old = new RegExp(
      `^\`\`\`text\\n\\$ zerosend ${name} --help\\n(?:[^]*?\\n)??\`\`\`$`,
      'm',
    );
    result = old.test(result)
      ? result.replace(old, () => block)
      : `${result.trimEnd()}\n\n## zerosend ${name}\n\n${block}\n`;
  }
  return result;
}
