import type { Remedy } from '../base/capability.js';

/**
 * - `works`: it was tried, and did what it should
 * - `limited`: it works, but less well than it could; `means` says how
 * - `fails`: it was tried, and the system refused it
 * - `untried`: there was no way to try it; `means` says what was in the way
 * - `fact`: nothing to judge
 */
export type Verdict = 'works' | 'limited' | 'fails' | 'untried' | 'fact';

/** Parts of the report, in their order. */
export const GROUPS = ['system', 'mechanisms', 'limits', 'interfaces'] as const;
export type Group = (typeof GROUPS)[number];

/** An error, and the call that failed. */
export interface Refusal {
  readonly code: string;
  /** positive; undefined for the library's own errors */
  readonly errno?: number;
  readonly syscall?: string;
  readonly message: string;
}

/**
 * One line of the report. `id`, `group` and `verdict` are stable, so that programs can rely on
 * them.
 */
export interface Finding {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  readonly verdict: Verdict;
  readonly summary: string;
  readonly means?: string | undefined;
  readonly error?: Refusal | undefined;
  readonly remedies?: readonly Remedy[] | undefined;
  /** what was measured or read, by stable names */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}
