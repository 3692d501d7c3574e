// @ts-check
// The contests of `npm run bench`, in the order in which they run. Each is a line here,
// and a file of its own.
import { breakEven } from './break-even.mjs';
import { idleLatency } from './idle-latency.mjs';
import { inetContests } from './inet-contests.mjs';
import { packets } from './packets-contest.mjs';
import { patch } from './patch/contest.mjs';
import { contestTable } from './report.mjs';
import { ringContests } from './ring-contests.mjs';
import { runContest } from './run-contest.mjs';
import { scaleContests } from './scale-contests.mjs';
import { scaleIds } from './scale-ids.mjs';
import { scaleWorkers } from './scale-workers.mjs';
import { small } from './small-contest.mjs';
import { submitContests } from './submit-contests.mjs';
import { watching } from './watching-contest.mjs';

/**
 * @typedef {import('../rig/index.mjs').Rig} Rig
 *
 * @typedef {object} Setting of a run
 * @property {string} cSender the C program
 * @property {Rig | null} rig a network of its own; null where none can be made
 * @property {number} rounds
 * @property {number} seconds of one turn
 * @property {boolean} quick fewer sizes, where a contest has many
 *
 * @typedef {object} Outcome what is printed as JSON, of which these mean the same everywhere
 * @property {string[]} [undecided] what the intervals do not decide
 * @property {{ name: string, reason: string }[]} [leftOut] programs that could not take part
 *
 * @typedef {object} Contest
 * @property {string} name what `--only` is compared with
 * @property {string} title
 * @property {boolean} sink whether it needs the network of its own
 * @property {(setting: Setting) => Promise<Outcome & Record<string, any>>} run
 * @property {(outcome: any) => string} table for people, without the title
 */

/** The contests of programs that send as fast as they can. The others measure something else. */
export const programContests = [
  ...inetContests,
  ...submitContests,
  ...ringContests,
  ...scaleContests,
];

/** @type {Contest[]} */
export const contests = [
  ...programContests.map((contest) => ofPrograms(contest)),
  patch,
  breakEven,
  idleLatency,
  scaleIds,
  scaleWorkers,
  small,
  packets,
  watching,
];

/** @param {import('./run-contest.mjs').ProgramContest} contest @returns {Contest} */
function ofPrograms(contest) {
  const { name, title, path } = contest;
  return {
    ...{ name, title, sink: path === 'sink' },
    run: (setting) => runContest(contest, setting),
    table: (outcome) => contestTable(contest, outcome),
  };
}
