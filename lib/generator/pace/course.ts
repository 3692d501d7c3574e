import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkKeys } from '../base/validate.js';

/** A part of a rate that changes: it goes in a straight line from one value to another. */
export interface RatePiece {
  /** In the unit of the rate. Default: as `to`, a step. 0 is a rest. */
  from?: number;
  /** In the unit of the rate; 0 is a rest. */
  to: number;
  /** How long it takes. */
  seconds: number;
}

/**
 * A rate that changes: pieces one after the other, the last of which goes on as it ends; or a function of
 * the seconds since the start, which is asked every 10 ms.
 */
export type ChangingRate = readonly RatePiece[] | ((seconds: number) => number);

/** A piece as it is worked with. */
export interface Line {
  /** packets a ms at its begin and at its end */
  from: number;
  to: number;
  /** ms; Infinity of the last one, which is level */
  length: number;
}

/** The lines of a rate, one after the other. The last one is endless. */
export type Lines = (start?: number) => Iterator<Line>;

/** How often a function is asked, in ms. Between, it is taken to be straight. */
const STEP_MS = 10;
const MOST_PIECES = 65_536;

/** A rate that stays, in packets a ms. */
export const constantLines = (perMs: number): Lines =>
  function* () {
    yield { from: perMs, to: perMs, length: Number.POSITIVE_INFINITY };
  };

/**
 * Checks a rate that changes.
 * @param scale packets a ms for one of its unit
 * @param repeat whether the pieces begin anew after the last one
 */
export function checkLines(
  name: string,
  rate: ChangingRate,
  scale: number,
  repeat: boolean,
): { lines: Lines; first: number } {
  if (typeof rate === 'function') {
    const at = (ms: number) => checkValue(`what ${name} returns`, rate(ms / 1000)) * scale;
    return { lines: () => sampled(at), first: at(0) };
  }
  if (rate.length === 0 || rate.length > MOST_PIECES) {
    throw invalidArgument(name, `1 to ${MOST_PIECES} pieces`, rate);
  }
  const pieces = rate.map((piece, i) => checkPiece(`${name}[${i}]`, piece, scale));
  const fastest = Math.max(...pieces.map(({ from, to }) => Math.max(from, to)));
  if (fastest === 0) throw outOfRange(name, 'above 0 at some time', 0);
  return { lines: () => listed(pieces, repeat), first: fastest };
}

function checkPiece(name: string, piece: RatePiece, scale: number): Line {
  checkKeys(name, piece, ['from', 'to', 'seconds']);
  const { to, from = to, seconds } = piece;
  if (typeof seconds !== 'number') throw invalidArgument(`${name}.seconds`, 'a number', seconds);
  // Shorter than a microsecond it would be gone within rounding; many of them would take for ever.
  if (!(seconds >= 1e-6 && seconds <= 1e9)) {
    throw outOfRange(`${name}.seconds`, 'from 0.000001 to 1000000000', seconds);
  }
  return {
    from: checkValue(`${name}.from`, from) * scale,
    to: checkValue(`${name}.to`, to) * scale,
    length: seconds * 1000,
  };
}

function checkValue(name: string, value: unknown): number {
  if (typeof value !== 'number') throw invalidArgument(name, 'a number', value);
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw outOfRange(name, '0 or above, and finite', value);
  }
  return value;
}

function* listed(pieces: readonly Line[], repeat: boolean): Generator<Line> {
  do yield* pieces;
  while (repeat);
  const { to } = pieces.at(-1) as Line;
  yield { from: to, to, length: Number.POSITIVE_INFINITY };
}

function* sampled(at: (ms: number) => number): Generator<Line> {
  let from = at(0);
  for (let ms = STEP_MS; ; ms += STEP_MS) {
    const to = at(ms);
    yield { from, to, length: STEP_MS };
    from = to;
  }
}

/**
 * How many packets are due up to a time, and when each is: the area below a rate. Times that it is asked
 * for do not go back beyond the beginning of a line.
 */
export class Course {
  readonly #lines: Iterator<Line>;
  /** the line of the time that was asked for last, and those behind it that were looked at */
  #line: Line;
  #ahead: Line[] = [];
  /** when the line begins, and what was due by then */
  #began: number;
  #before = 0;
  /** packets for each of the lines */
  #scale = 1;
  #sure = true;

  /** @param start ms */
  constructor(lines: Lines, start: number) {
    this.#lines = lines();
    this.#began = start;
    this.#line = this.#pull();
  }

  /** Moves all that is to come by so many ms. */
  shift(ms: number): void {
    this.#began += ms;
  }

  /** Counts anew from `time` on, at so many times the rate. */
  goOn(time: number, factor: number): void {
    this.countAt(time);
    this.#scale *= factor;
    this.#line = scaled(this.#line, factor);
    this.#ahead = this.#ahead.map((line) => scaled(line, factor));
    this.#before = -areaOf(this.#line, time - this.#began);
  }

  /** Whether `timeOf` has said when the packet is due, not when to ask again. */
  get sure(): boolean {
    return this.#sure;
  }

  /** Packets a ms at a time in the line that was asked for last. */
  rateAt(time: number): number {
    const { from, to, length } = this.#line;
    if (from === to) return to;
    const share = Math.min(1, Math.max(0, (time - this.#began) / length));
    return from + (to - from) * share;
  }

  /** Packets that are due up to `time`, as a fraction. */
  countAt(time: number): number {
    for (;;) {
      const end = this.#began + this.#line.length;
      // At its very end it is over, or who asks again at a time that `timeOf` has said is told the same.
      if (!(time >= end) || end === Number.POSITIVE_INFINITY) break;
      this.#before += areaOf(this.#line, this.#line.length);
      this.#began = end;
      this.#line = this.#ahead.shift() ?? this.#pull();
    }
    return this.#before + areaOf(this.#line, time - this.#began);
  }

  /**
   * When packet `count`, a fraction, is due; Infinity where it never is. Of one that is further off than is
   * looked ahead, a time before it, at which to ask again: then `sure` is false.
   */
  timeOf(count: number): number {
    let line = this.#line;
    let began = this.#began;
    let left = count - this.#before;
    this.#sure = true;
    for (let at = 0; ; at++) {
      const { length } = line;
      // The first packet waits for the end of a rest; one that is late does not.
      const rests = count === 0 && line.from === 0 && line.to === 0;
      const after = rests ? Number.POSITIVE_INFINITY : reachOf(line, left);
      if (after <= length) return began + after;
      began += length; // of the last line endless
      if (began - this.#began > LOOK_AHEAD_MS) {
        this.#sure = began === Number.POSITIVE_INFINITY;
        return began;
      }
      left -= areaOf(line, length);
      if (at === this.#ahead.length) this.#ahead.push(this.#pull());
      line = this.#ahead[at] as Line;
    }
  }

  /** A function of the user's that has thrown says nothing any more. */
  #pull(): Line {
    const { done, value } = this.#lines.next();
    return done ? { from: 0, to: 0, length: Number.POSITIVE_INFINITY } : scaled(value, this.#scale);
  }
}

const LOOK_AHEAD_MS = 1000;

function scaled({ from, to, length }: Line, factor: number): Line {
  return { from: from * factor, to: to * factor, length };
}

/** Packets that are due in the first so many ms of a line. */
function areaOf({ from, to, length }: Line, ms: number): number {
  if (ms <= 0) return 0;
  return from === to ? ms * to : ms * (from + ((to - from) * ms) / (2 * length));
}

/** After how many ms of a line so many packets are due; more than it is long, where that is behind it. */
function reachOf(line: Line, packets: number): number {
  const { from, to, length } = line;
  if (packets <= 0) return 0;
  if (from === to) return packets / to; // of a rest: Infinity
  if (packets > areaOf(line, length)) return Number.POSITIVE_INFINITY;
  // from * t + slope / 2 * t² = packets, by the form that does not cancel where the slope is small.
  const slope = (to - from) / length;
  const root = Math.sqrt(Math.max(0, from * from + 2 * slope * packets));
  return Math.min(length, (2 * packets) / (from + root));
}
