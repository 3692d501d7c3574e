// Reads JSON files that describe packets: a template, a mix of several, streams.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { AnyField, MixOrder, PacketDescription, Rate } from '../../generator/index.js';
import { readSeconds, UsageError } from '../base/options.js';
import { readRate } from '../base/rate.js';
import { type Endpoint, readEndpoint } from './addresses.js';
import { readField } from './fields.js';

/** A packet, and the fields that change from one to the next. */
export interface Described {
  readonly description: PacketDescription;
  readonly fields: readonly AnyField[];
}

/** One template of a mix. */
export interface PartOfFile extends Described {
  readonly name: string;
  /** its weight in the mix; undefined for 1 */
  readonly weight: unknown;
}

/** One entry of a file of streams: a number of streams of one kind. */
export interface StreamsOfFile extends Described {
  /** several templates, in place of the one that is described */
  readonly mix: {
    readonly parts: readonly PartOfFile[];
    readonly order: MixOrder | undefined;
  } | null;
  readonly name: string;
  readonly to: Endpoint | undefined;
  readonly rate: Rate;
  readonly copies: number;
  readonly count: number | undefined;
  /** seconds after the start */
  readonly join: number | undefined;
  readonly leave: number | undefined;
  /** its changes while it runs, in the order of time */
  readonly changes: readonly StreamChange[];
}

/** A change at a number of seconds after the start. */
export interface StreamChange {
  readonly at: number;
  readonly change: 'rate' | 'pause' | 'resume' | 'template';
  readonly rate?: Rate;
  readonly described?: Described;
}

const MOST_STREAMS = 65_536;

type Json = Record<string, unknown>;

/** A place in a file, for errors. */
class Place {
  readonly #option: string;
  readonly folder: string;
  readonly where: string;

  constructor(option: string, folder: string, where = '') {
    this.#option = option;
    this.folder = folder;
    this.where = where;
  }

  at(where: string): Place {
    return new Place(this.#option, this.folder, where);
  }

  wrong(message: string): UsageError {
    return new UsageError(`${this.#option}: ${this.where}${this.where && ' '}${message}`);
  }

  /** Runs `read`, and adds this place to the error that it throws. */
  try<T>(what: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.wrong(`${what} ${(error as Error).message}`);
    }
  }
}

function readFile(option: string, path: string): { content: unknown; place: Place } {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'), revive);
    return { content, place: new Place(option, dirname(resolve(path))) };
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}

/** Bytes are written as `{ "hex": "00ff" }`. */
function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { hex, ...more } = value as { hex?: unknown };
  if (typeof hex !== 'string' || Object.keys(more).length > 0) return value;
  if (!/^([\da-f]{2})*$/i.test(hex)) throw new UsageError(`'${hex}' is not hexadecimal`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/**
 * Reads a packet from a file: the keys of a PacketDescription, and `fields`, each an object or in the
 * short syntax.
 * @throws UsageError
 */
export function readTemplate(path: string): Described {
  const { content, place } = readFile('--template', path);
  return describedBy(checkObject(place, content, `${path} has to hold`), place);
}

/** The content of a file: a list, or an object with the list and settings for all of it. */
function readList(
  option: '--mix' | '--streams',
  path: string,
  name: 'parts' | 'streams',
  common: 'order' | 'slice',
): { place: Place; list: unknown; value: unknown } {
  const { content, place } = readFile(option, path);
  if (Array.isArray(content)) return { place, list: content, value: undefined };
  const what = `${path} has to hold a list of ${name}, or`;
  const { [name]: list, [common]: value } = checkObject(place, content, what, [name, common]);
  return { place, list, value };
}

/**
 * Reads a mix: a list of parts, or an object of `parts` and `order`.
 * @throws UsageError
 */
export function readMix(path: string): { parts: PartOfFile[]; order: MixOrder | undefined } {
  const { place, list, value } = readList('--mix', path, 'parts', 'order');
  return { parts: partsOf(place, 'parts', list), order: value as MixOrder | undefined };
}

function partsOf(place: Place, name: string, parts: unknown): PartOfFile[] {
  const inside = place.where && `${place.where}.`;
  return listOf(place, name, parts).map((part, i) => {
    const here = place.at(`${inside}${name}[${i}]`);
    const keys = ['name', 'weight', 'template', 'fields'];
    const { name: own, weight, ...more } = checkObject(here, part, 'has to be', keys);
    return { name: nameOf(here, own, `template ${i + 1}`), weight, ...partOf(more, here) };
  });
}

/**
 * Reads streams: a list of them, or an object of `streams` and `slice`.
 * @throws UsageError
 */
export function readStreams(path: string): { streams: StreamsOfFile[]; slice: number | undefined } {
  const { place, list, value } = readList('--streams', path, 'streams', 'slice');
  const all = listOf(place, 'streams', list).map((one, i) =>
    streamOf(place.at(`streams[${i}]`), one, i),
  );
  const number = all.reduce((sum, { copies }) => sum + copies, 0);
  if (number > MOST_STREAMS)
    throw place.wrong(`has at most ${MOST_STREAMS} streams; received ${number}`);
  return { streams: all, slice: value as number | undefined };
}

const STREAM_KEYS = [
  'name',
  'to',
  'template',
  'fields',
  'mix',
  'order',
  'rate',
  'copies',
  'count',
  'join',
  'leave',
  'changes',
];

function streamOf(place: Place, given: unknown, i: number): StreamsOfFile {
  const stream = checkObject(place, given, 'has to be', STREAM_KEYS);
  const { name, to, rate, copies = 1, count, join, leave, changes = [], ...what } = stream;
  const { mix, order, ...more } = what;
  if (mix === undefined ? order !== undefined : Object.keys(more).length > 0) {
    throw place.wrong('takes either template and fields, or mix and order');
  }
  if (typeof copies !== 'number' || !Number.isInteger(copies) || copies < 1) {
    throw place.wrong(
      `copies has to be a whole number from 1 on; received ${JSON.stringify(copies)}`,
    );
  }
  const [from, until] = [timeOf(place, 'join', join), timeOf(place, 'leave', leave)];
  if (until !== undefined && until <= (from ?? 0)) {
    throw place.wrong('leave has to be later than join');
  }
  return {
    name: nameOf(place, name, `stream ${i + 1}`),
    to: to === undefined ? undefined : place.try('to', () => readEndpoint(String(to))),
    rate: rateOf(place, rate),
    copies,
    count: count as number | undefined,
    join: from,
    leave: until,
    changes: listOf(place, 'changes', changes)
      .map((one, at) => changeOf(place.at(`${place.where}.changes[${at}]`), one))
      .sort((a, b) => a.at - b.at),
    mix:
      mix === undefined
        ? null
        : { parts: partsOf(place, 'mix', mix), order: order as MixOrder | undefined },
    ...(mix === undefined ? partOf(more, place) : { description: {}, fields: [] }),
  };
}

function changeOf(place: Place, given: unknown): StreamChange {
  const keys = ['at', 'rate', 'pause', 'resume', 'template', 'fields'];
  const { at, fields, ...what } = checkObject(place, given, 'has to be', keys);
  const time = timeOf(place, 'at', at);
  const [change, ...more] = Object.keys(what) as StreamChange['change'][];
  if (time === undefined || change === undefined || more.length > 0) {
    throw place.wrong("needs 'at', and one of 'rate', 'pause', 'resume' and 'template'");
  }
  if (change === 'rate') return { at: time, change, rate: rateOf(place, what.rate) };
  if (change !== 'template') return { at: time, change };
  return { at: time, change, described: partOf({ template: what.template, fields }, place) };
}

/** A template that is given here, or in a file of its own; fields of that file come first. */
function partOf({ template, fields }: Json, place: Place): Described {
  const there =
    typeof template === 'string'
      ? place.try('template', () => readTemplate(resolve(place.folder, template)))
      : describedBy(checkObject(place, template, 'template has to be'), place);
  return { ...there, fields: [...there.fields, ...fieldsOf(fields, place)] };
}

function describedBy({ fields, ...description }: Json, place: Place): Described {
  return { description: description as PacketDescription, fields: fieldsOf(fields, place) };
}

function fieldsOf(fields: unknown, place: Place): AnyField[] {
  return listOf(place, 'fields', fields ?? []).map((field, i) => {
    if (typeof field !== 'string') return field as AnyField;
    return place.try(`fields[${i}]`, () => readField(field));
  });
}

/** Reads a rate in the short syntax, or in the form of the library. */
function rateOf(place: Place, rate: unknown): Rate {
  if (rate === undefined) throw place.wrong("needs a rate, such as '50' or '1k..5k/10s'");
  return typeof rate === 'string' ? place.try('rate', () => readRate(rate)) : (rate as Rate);
}

function timeOf(place: Place, name: string, time: unknown): number | undefined {
  if (time === undefined || time === 0 || time === '0') return time === undefined ? undefined : 0;
  return place.try(name, () => readSeconds(String(time)));
}

function nameOf(place: Place, name: unknown, standard: string): string {
  if (name === undefined) return standard;
  if (typeof name !== 'string')
    throw place.wrong(`name has to be text; received ${JSON.stringify(name)}`);
  return name;
}

function listOf(place: Place, name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw place.wrong(`${name} has to be an array`);
}

function checkObject(place: Place, value: unknown, what: string, keys?: readonly string[]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw place.wrong(`${what} an object`);
  }
  const unknown = keys && Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw place.wrong(`has no '${unknown}'; it takes ${keys?.join(', ')}`);
  }
  return value as Json;
}
