// @ts-check
// The programs of contests; run-contest.mjs says what each of these is.

/**
 * @typedef {import('./run-contest.mjs').Program} Program
 *
 * @param {Program['language']} language
 * @returns {(name: string, args: string[], how?: Program['how'], target?: number) => Program}
 */
const written = (language) => (name, args, how, target) => ({
  ...{ name, language, args },
  ...(how && { how }),
  ...(target && { target }),
});

export const c = written('c');
export const js = written('js');
export const tool = written('tool');

/** It is left out where the system does not have what it needs. @param {Program} program */
export const optional = (program) => ({ ...program, optional: true });
