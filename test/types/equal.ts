/*
 * The files beside this one are checked by `tsc -p tsconfig.check.json` and never run. A line with
 * `@ts-expect-error` must be an error there, or the check fails.
 */

/** `true` when two types are the same, `readonly` and `?` included. */
export type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `same<A, B>(true)` is an error unless the types are the same. */
export declare function same<A, B>(equal: Equal<A, B>): void;
