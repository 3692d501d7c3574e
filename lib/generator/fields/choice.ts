import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import type { Held, ListOrder } from './fields.js';
import { RandomSource } from './random-source.js';
import { interleaved } from './schedule.js';
import { HeldSource, ListSource, type Source, TurnSource } from './sources.js';

/** The keys of {@link ListOrder}. */
export const ORDER_KEYS = ['weights', 'order', 'seed', 'every'] as const;

const MOST_WEIGHT = 65_536; // of all together: the length of the schedule

/** Which entry of a list each packet has. */
export interface Choice {
  /** makes numbers of entries */
  source: Source;
  /** how many of all have each entry, of any total; null: as many */
  weights: readonly number[] | null;
}

/** Values of a list in its order. */
export type Ordered = (low: Uint32Array, high: Uint32Array | null) => Source;

/** @throws as {@link orderOf} */
export function choose(name: string, options: ListOrder, size: number, place: number): Choice {
  const ordered = orderOf(name, options, size, place);
  const numbers = Uint32Array.from({ length: size }, (_, i) => i);
  return { source: ordered(numbers, null), weights: options.weights ?? null };
}

/**
 * How the entries of a list follow each other.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function orderOf(name: string, options: ListOrder, size: number, place: number): Ordered {
  const { weights, order = 'turn', seed } = options;
  if (order !== 'turn' && order !== 'random') {
    throw invalidArgument(`${name}.order`, "'turn' or 'random'", order);
  }
  if (seed !== undefined && order === 'turn') {
    throw invalidArgument(`${name}.seed`, "left out unless order is 'random'", seed);
  }
  const random = order === 'random';
  const turns = weights && scheduleOf(`${name}.weights`, weights, size, random);
  const inTurns = (values: Uint32Array) => turns?.map((entry) => values[entry] as number) ?? values;
  return (low, high) => {
    const [lowers, uppers] = [inTurns(low), high && inTurns(high)];
    if (!random) return held(name, new TurnSource(lowers, uppers), options);
    const index = new RandomSource(seedOf(name, seed, place), 0n, BigInt(lowers.length));
    return held(name, new ListSource(index, lowers, uppers), options);
  };
}

/** The seed of a field: its place in the list, where none is given. */
export function seedOf(name: string, seed: number | undefined, place: number): number {
  return checkInteger(`${name}.seed`, seed ?? place, 0, 2 ** 32 - 1);
}

/** A source that is held for as many packets as `every` says. */
export function held(name: string, source: Source, { every = 1 }: Held): Source {
  checkInteger(`${name}.every`, every, 1, Number.MAX_SAFE_INTEGER);
  return every === 1 ? source : new HeldSource(source, every);
}

/** For each turn of a period, which entry it has. */
function scheduleOf(
  name: string,
  weights: readonly number[],
  size: number,
  random: boolean,
): Uint32Array {
  if (!Array.isArray(weights) || weights.length !== size) {
    throw invalidArgument(name, `an array of ${size} numbers, one for each entry`, weights);
  }
  for (const [i, weight] of weights.entries()) {
    checkInteger(`${name}[${i}]`, weight, 1, MOST_WEIGHT);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total > MOST_WEIGHT) throw outOfRange(`the sum of ${name}`, `at most ${MOST_WEIGHT}`, total);
  if (!random) return interleaved(weights);
  return Uint32Array.from(weights.flatMap((weight, entry) => Array<number>(weight).fill(entry)));
}
