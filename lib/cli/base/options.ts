/** An error in a command line. It ends the command with exit code 2. */
export class UsageError extends Error {}

/** An option of a command: its text for help, and how its argument is turned into a value. */
export interface OptionSpec<T> {
  readonly help: string;
  /** How help writes the value, such as 'BYTES'. An option without one is a flag. */
  readonly placeholder?: string;
  readonly short?: string;
  /**
   * The text that the option stands for when it is given without a value. A value then has to
   * follow a '='.
   */
  readonly bare?: string;
  readonly default: T;
  /** How help writes the default, where `help` does not say it. */
  readonly shown?: string;
  /**
   * Whether it may be given several times. `read` is then called for each, and the values make a
   * list.
   */
  readonly repeatable?: boolean;
  /** @throws UsageError that says what is allowed */
  read?(text: string): T;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>;

/** The values of options, by their names. */
export type OptionValues<S extends OptionSpecs> = {
  readonly [K in keyof S]: S[K] extends OptionSpec<infer T> ? T : never;
};

interface Valued<T> {
  readonly placeholder?: string;
  readonly short?: string;
  readonly default: T;
  readonly shown?: string;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

export function flag(help: string, short?: string): OptionSpec<boolean> {
  return { help, default: false, ...(short === undefined ? {} : { short }) };
}

export function text<T extends string | undefined>(
  help: string,
  valued: Valued<T>,
): OptionSpec<string | T> {
  return { placeholder: 'TEXT', help, ...valued, read: (given) => given };
}

export function choice<const C extends string, T extends C | undefined>(
  help: string,
  choices: readonly C[],
  valued: Valued<T>,
): OptionSpec<C | T> {
  const read = (given: string): C => {
    const found = choices.find((name) => name === given);
    if (found === undefined) throw new UsageError(`takes ${choices.join(', ')}`);
    return found;
  };
  return { placeholder: choices.join('|'), help, ...valued, read };
}

/**
 * An option whose value `read` makes. It throws UsageError with what is allowed: 'takes …', 'has to
 * be …'.
 */
export function custom<T, D extends T | undefined>(
  help: string,
  read: (text: string) => T,
  valued: Valued<D> & { readonly placeholder: string },
): OptionSpec<T | D> {
  return { help, ...valued, read };
}

/** An option that may be given several times. The values are in the order of the command line. */
export function repeatable<T>(
  help: string,
  read: (text: string) => T,
  valued: Pick<Valued<readonly T[]>, 'short'> & { readonly placeholder: string },
): OptionSpec<readonly T[]> {
  return {
    help,
    repeatable: true,
    default: [],
    shown: '',
    ...valued,
    read: (given) => [read(given)],
  };
}

/** Several of `choices`, separated by commas, in the order of `choices`. */
export function choices<const C extends string>(
  help: string,
  all: readonly C[],
  valued: Valued<readonly C[]>,
): OptionSpec<readonly C[]> {
  const read = (given: string): readonly C[] => {
    const names = given.split(',').map((name) => name.trim());
    if (!names.every((name) => all.some((known) => known === name))) {
      throw new UsageError(`takes ${all.join(', ')}, separated by commas`);
    }
    return all.filter((name) => names.includes(name));
  };
  return { placeholder: 'LIST', shown: valued.default.join(','), help, ...valued, read };
}

export function integer<T extends number | undefined>(
  help: string,
  valued: Valued<T> & Bounds,
): OptionSpec<number | T> {
  return quantity(help, 'a whole number', { placeholder: 'N', ...valued }, {}, true);
}

export function number<T extends number | undefined>(
  help: string,
  valued: Valued<T> & Bounds,
): OptionSpec<number | T> {
  return quantity(help, 'a number', { placeholder: 'N', ...valued }, {});
}

/** A size: '1400', '64K' (1024 bytes each), '2M', '1G'. */
export function bytes<T extends number | undefined>(
  help: string,
  valued: Valued<T> & Bounds,
): OptionSpec<number | T> {
  const units = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
  return quantity(
    help,
    'a size such as 1400 or 64K',
    { placeholder: 'BYTES', ...valued },
    units,
    true,
  );
}

/** How many a second: '1000', '250k', '1.5M'. */
export function rate<T extends number | undefined>(
  help: string,
  valued: Valued<T> & Bounds,
): OptionSpec<number | T> {
  const units = { k: 1e3, M: 1e6, G: 1e9 };
  return quantity(help, 'a rate such as 1000 or 250k', { placeholder: 'RATE', ...valued }, units);
}

/** A time in seconds: '2', '2s', '250ms', '1m'. */
export function seconds<T extends number | undefined>(
  help: string,
  valued: Valued<T> & Bounds,
): OptionSpec<number | T> {
  return quantity(help, TIME, { placeholder: 'TIME', ...valued }, TIME_UNITS);
}

const TIME = 'a time such as 2s or 250ms';
const TIME_UNITS = { s: 1, ms: 1e-3, m: 60, h: 3600 };

/** A time within a value of several parts, in seconds. @throws UsageError */
export function readSeconds(text: string): number {
  return quantityOf(text, TIME, { min: 1e-6, max: 1e9 }, TIME_UNITS, false);
}

function quantity<T extends number | undefined>(
  help: string,
  kind: string,
  { min, max, ...valued }: Valued<T> & Bounds,
  units: Readonly<Record<string, number>>,
  whole = false,
): OptionSpec<number | T> {
  const read = (given: string) => quantityOf(given, kind, { min, max }, units, whole);
  return { help, ...valued, read };
}

function quantityOf(
  given: string,
  kind: string,
  { min, max }: Bounds,
  units: Readonly<Record<string, number>>,
  whole: boolean,
): number {
  const [, digits = '', unit = ''] = /^\s*([\d.]+(?:e\d+)?)\s*([a-zA-Z]*)\s*$/.exec(given) ?? [];
  const factor = unit === '' ? 1 : (units[unit] ?? Number.NaN);
  const value = digits === '' ? Number.NaN : Number(digits) * factor;
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  throw new UsageError(`has to be ${kind}, from ${min} to ${max}`);
}
