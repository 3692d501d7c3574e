// @ts-check
import { readFileSync } from 'node:fs';

/**
 * Whether npm has started a script as what comes before another one. It takes `prebuild` to be that of
 * `build`, which nobody wants to wait minutes for; the environment is the same as for `npm run prebuild`.
 * npm's title says what it was asked for.
 *
 * @param {string} name of the script that npm may have been asked for in place of this one
 */
export function isHookOf(name) {
  if (process.env.npm_lifecycle_event !== `pre${name}`) return false;
  try {
    for (let pid = process.ppid, up = 0; pid > 1 && up < 3; up++) {
      const title = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0', 1)[0] ?? '';
      const asked = /^npm (?:run|run-script|rum|urn) (\S+)/.exec(title)?.[1];
      if (asked !== undefined) return asked === name;
      pid = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
    }
  } catch {
    // Without /proc nobody can tell: then it is done.
  }
  return false;
}
