// @ts-check
import { readFileSync } from 'node:fs';

/**
 * Whether npm has started a script as the hook that precedes another one. npm runs `prebuild`
 * before `build`, which would take minutes. The environment is the same as for `npm run prebuild`,
 * so the title of npm's process is read, which has its arguments.
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
    // Without /proc this is not known; then the script runs.
  }
  return false;
}
