import { custom, type OptionSpec, readSeconds, UsageError } from './options.js';

/*
 * The short syntax of `--rate`:
 *
 *   1000, 250k, 1.5M           packets a second
 *   100Mbit, 2.5Gbit           bits a second
 *   1k..100k/30s               from one to the other in a straight line, in so long; then it stays
 *   1k/10s,50k/5s,0/1s,10k     steps, rests among them; the last one stays
 *   1k/1s,1k..9k/2s,repeat     pieces of both kinds, which begin anew
 *   sine:1k..9k/60s            up and down, so often
 */

/** Packets or bits a second, or pieces of such rates, as the generator takes them. */
export type AskedSpeed = number | readonly AskedPiece[];

/** A straight line from one rate to another. */
export interface AskedPiece {
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
}

/** A rate that was asked for. */
export type AskedRate = ({ readonly packets: AskedSpeed } | { readonly bits: AskedSpeed }) & {
  /** of a rate in pieces: begins anew after the last */
  readonly repeat?: true;
  /** packets that leave together */
  readonly burst?: number;
};

/**
 * A rate for reports: a number with its unit as the name, or the text of the option where the rate
 * changes.
 */
export type ShownRate =
  | { readonly packetsPerSecond: number }
  | { readonly bitsPerSecond: number }
  | { readonly changes: string };

/** The text of help about rates. */
export const RATE_SYNTAX =
  "'1k..100k/30s' rises in 30 s, '1k/10s,0/1s,50k' goes in steps, ',repeat' behind them begins anew, " +
  "'sine:1k..9k/60s' goes up and down";

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 };
const VALUE = /^(\d+(?:\.\d+)?|\.\d+)([kKMG]?)(bit)?(?:\/s)?$/;
/** The number of straight lines that approximate a sine. */
const SINE_PIECES = 64;
/** The length of a last piece, in seconds, which has no effect, since its rate stays. */
const STAYS = 1;

interface Value {
  readonly value: number;
  /** null for 0, which is the same in both units */
  readonly unit: 'packets' | 'bits' | null;
}

function refuse(): never {
  throw new UsageError(
    'has to be a rate such as 1000, 250k (packets a second) or 100Mbit, or one that changes, such as ' +
      "1k..100k/30s, '1k/10s,50k/5s,repeat' or sine:1k..9k/60s",
  );
}

function readValue(text: string): Value {
  const [, digits = '', unit = '', bit] = VALUE.exec(text) ?? [];
  if (digits === '') refuse();
  const value = Number(digits) * (UNITS[unit] as number);
  return { value, unit: bit !== undefined ? 'bits' : value > 0 ? 'packets' : null };
}

/** The unit that all values have. */
function unitOf(values: readonly Value[]): 'packets' | 'bits' {
  const units = new Set(values.flatMap(({ unit }) => unit ?? []));
  if (units.size > 1) throw new UsageError('has to be in packets or in bits throughout');
  const [unit = 'packets'] = units;
  return unit;
}

/** `A`, `A/TIME` or `A..B/TIME`. */
function readPiece(text: string): { from: Value; to: Value; seconds: number | null } {
  const [, values = '', time] = /^(.*?(?:\/s)?)(?:\/(\d.*))?$/.exec(text) ?? [];
  const [from = '', to = from, ...more] = values.split('..');
  if (more.length > 0) refuse();
  const seconds = time === undefined ? null : readSeconds(time);
  return { from: readValue(from), to: readValue(to), seconds };
}

/** @throws UsageError */
export function readRate(text: string): AskedRate {
  if (text.startsWith('sine:')) return readSine(text.slice('sine:'.length));
  const texts = text.split(',');
  const repeat = texts.length > 1 && texts.at(-1) === 'repeat';
  if (repeat) texts.pop();
  const pieces = texts.map(readPiece);
  const unit = unitOf(pieces.flatMap(({ from, to }) => [from, to]));
  const [{ from, to, seconds }] = pieces as [ReturnType<typeof readPiece>];
  if (pieces.length === 1 && from.value === to.value && seconds === null) {
    if (!(from.value > 0)) refuse();
    return speedIn(unit, from.value);
  }
  const lines = pieces.map(({ from, to, seconds }, i) => {
    const stays = i === pieces.length - 1 && !repeat && from.value === to.value;
    if (seconds === null && !stays) {
      throw new UsageError(
        "has to say how long each piece takes, such as '1k..100k/30s' or '1k/10s'",
      );
    }
    return { from: from.value, to: to.value, seconds: seconds ?? STAYS };
  });
  return { ...speedIn(unit, lines), ...(repeat && { repeat }) };
}

function speedIn(unit: 'packets' | 'bits', speed: AskedSpeed): AskedRate {
  return unit === 'bits' ? { bits: speed } : { packets: speed };
}

function readSine(text: string): AskedRate {
  const { from, to, seconds } = readPiece(text);
  if (seconds === null) refuse();
  const unit = unitOf([from, to]);
  const [low, high] = [Math.min(from.value, to.value), Math.max(from.value, to.value)];
  const at = (i: number) =>
    low + ((high - low) / 2) * (1 - Math.cos((2 * Math.PI * i) / SINE_PIECES));
  const pieces = Array.from({ length: SINE_PIECES }, (_, i) => ({
    from: at(i),
    to: at(i + 1),
    seconds: seconds / SINE_PIECES,
  }));
  return { ...speedIn(unit, pieces), repeat: true };
}

/** Reads `N/TIME`: N packets at once, once in every TIME. @throws UsageError */
export function readBursts(text: string): AskedRate {
  const [, digits = '', time = ''] = /^(\d+)\/(.+)$/.exec(text) ?? [];
  const burst = Number(digits);
  if (digits === '' || burst < 1 || burst > 65_536) {
    throw new UsageError(
      'has to be packets (1 to 65536) and the time from one burst to the next, such as 250/50ms',
    );
  }
  return { packets: burst / readSeconds(time), burst };
}

/** The option `--rate`. */
export function rateOption(help: string): OptionSpec<AskedRate | undefined> {
  return custom(help, readRate, { placeholder: 'RATE', default: undefined });
}

/** The rate for reports and the live view; null without one. */
export function perSecond(rate: AskedRate | undefined): ShownRate | null {
  if (rate === undefined) return null;
  const bits = 'bits' in rate;
  const speed = bits ? rate.bits : rate.packets;
  if (typeof speed !== 'number') return { changes: textOf(rate, speed) };
  return bits ? { bitsPerSecond: speed } : { packetsPerSecond: speed };
}

/** The pieces of a rate as text. */
function textOf(rate: AskedRate, pieces: readonly AskedPiece[]): string {
  const unit = 'bits' in rate ? 'bit/s' : 'packets/s';
  const ends = pieces.flatMap(({ from, to }) => [from, to]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)].map(
    (end) => Math.round(end * 1e3) / 1e3,
  );
  return `${low} to ${high} ${unit}${rate.repeat ? ', again and again' : ''}`;
}
