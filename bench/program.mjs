// @ts-check
// The programs of contests; contests.mjs says what each of these is.

/**
 * @typedef {import('./contests.mjs').Program} Program
 *
 * @param {'c' | 'js'} language @returns {(name: string, args: string[], how?: Program['how'],
 *   target?: number) => Program}
 */
const written = (language) => (name, args, how, target) => ({
  ...{ name, language, args },
  ...(how && { how }),
  ...(target && { target }),
});

export const c = written('c');
export const js = written('js');
