// @ts-check
// Lets programs take turns. All comparisons here are made in this way.

/** @typedef {import('./sender-process.mjs').Slice} Slice */

const WARM_UP = 0.3; // seconds at most: compiles the JavaScript, opens TCP's window

/**
 * Something that can be run for a time, and measures itself.
 * @template S what one turn measured
 * @typedef {{ run(seconds: number): Promise<S> }} Contestant
 */

/**
 * Runs each contestant once in each round, and reverses their order from round to round, so that
 * whatever changes with time (temperature, other load) affects all of them alike.
 *
 * @template S
 * @param {readonly Contestant<S>[]} contestants
 * @param {{ rounds: number, seconds: number, enough?: (slices: S[][]) => boolean }} setting `seconds` of one
 *   turn; `enough` ends the rounds early: it is asked after each
 * @returns {Promise<S[][]>} by contestant, then by round
 */
export async function takeTurns(contestants, { rounds, seconds, enough }) {
  for (const contestant of contestants) await contestant.run(Math.min(WARM_UP, 2 * seconds));
  /** @type {S[][]} */
  const slices = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...contestants.entries()];
    if (round % 2 === 1) order.reverse();
    for (const [index, contestant] of order) slices[index]?.push(await contestant.run(seconds));
    if (enough?.(slices)) break;
  }
  return slices;
}

/**
 * The ratios round by round, since what disturbed a round has affected both.
 * @template S
 * @param {readonly S[]} slices @param {readonly S[]} against
 * @param {(slice: S) => number} yieldOf what is compared: the more, the better
 */
export function ratiosOf(slices, against, yieldOf) {
  return slices.map((slice, i) => yieldOf(slice) / yieldOf(against[i] ?? slice));
}
