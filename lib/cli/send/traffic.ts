import { isIP } from 'node:net';
import {
  type AnyField,
  compile,
  type MixOrder,
  type MixPart,
  type PacketDescription,
  template,
} from '../../generator/index.js';
import { OFFLOAD_HEADER } from '../../generator/packets/offload.js';
import { checkMix } from '../../generator/runs/mix.js';
import { UsageError } from '../base/options.js';
import type { Endpoint } from './addresses.js';
import { isDrawn } from './fields.js';
import {
  type Described,
  type PartOfFile,
  readMix,
  readStreams,
  readTemplate,
  type StreamsOfFile,
} from './files.js';
import type { SendOptions } from './options.js';
import { describePacket, type Frames, payloadOf } from './packet.js';

/** What is sent, as plain objects that can be passed to workers. */
export type Content =
  | { readonly template: PacketDescription; readonly fields: readonly AnyField[] }
  | { readonly mix: readonly PlainPart[]; readonly mixOrder?: MixOrder }
  | { readonly streams: readonly StreamsOfFile[]; readonly slice: number | undefined };

type PlainPart = MixPart & { readonly template: PacketDescription };

/** What is sent, and its properties. */
export interface Traffic {
  readonly content: Content;
  /** bytes of the longest packet, offload header included */
  readonly longest: number;
  /** mean bytes of a packet; null for streams, where it is not known */
  readonly mean: number | null;
  /** whether packets begin with an offload header */
  readonly offload: boolean;
  /** writes the packet into buffers, where there is only one */
  readonly init: ((bytes: Uint8Array) => void) | undefined;
  /** names of the templates of a mix, or of the entries of a file of streams */
  readonly parts: readonly string[];
  /** Remarks for the user. */
  readonly notes: readonly string[];
}

/** The options that name a file with what is sent. */
const FILES = ['template', 'mix', 'streams'] as const;

/**
 * Makes what the options describe, or their files.
 * @throws UsageError; what `template` and `compile` throw
 */
export function trafficOf(
  options: SendOptions,
  destination: Endpoint | undefined,
  frames: Frames,
): Traffic {
  const notes: string[] = [];
  const making: Making = { options, destination, frames, notes };
  if (options.mix !== undefined) return mixOf(options.mix, making);
  if (options.streams !== undefined) return streamsOf(options.streams, making);
  return templateOf(making);
}

interface Making {
  readonly options: SendOptions;
  readonly destination: Endpoint | undefined;
  readonly frames: Frames;
  readonly notes: string[];
}

function templateOf({ options, destination, frames, notes }: Making): Traffic {
  const file = options.template === undefined ? null : readTemplate(options.template);
  if (file !== null) refuseDestination('template', frames, destination);
  const described =
    file === null
      ? describePacket(options, destination, frames, notes)
      : { ...file.description, ...payloadOf(options) };
  const length = frames === null ? (options.segment ?? options.size) : options.size;
  const description = { ...described, ...(length === undefined ? {} : { length }) };
  const fields = fieldsOf(file?.fields ?? [], options);
  const made = compiled({ description, fields }, '--field');
  if (frames === null && options.segment !== undefined && made.meanLength !== made.length) {
    throw new UsageError(
      '--segment: datagrams of a train are of one length, and a --field changes it',
    );
  }
  return {
    content: { template: description, fields },
    longest: made.length,
    mean: made.meanLength,
    offload: made.template.offsets.offload >= 0,
    init: made.init,
    parts: [],
    notes,
  };
}

function mixOf(path: string, making: Making): Traffic {
  const { parts, order } = readMix(path);
  const mix = plainParts(completed(parts, making, 'mix'));
  const { longest, meanBytes, parts: made } = asFile('--mix', () => checkMix(mix, order));
  const offload = (made[0]?.template.offsets.offload ?? -1) >= 0;
  return {
    content: { mix, ...(order !== undefined && { mixOrder: order }) },
    longest,
    mean: meanBytes + (offload ? OFFLOAD_HEADER : 0),
    offload,
    init: undefined,
    parts: parts.map(({ name }) => name),
    notes: making.notes,
  };
}

/** Parts as the generator takes them. */
export const plainParts = (parts: readonly PartOfFile[]): PlainPart[] =>
  parts.map(({ description, fields, weight }) => ({
    template: description,
    fields,
    ...(weight === undefined ? {} : { weight: weight as number }),
  }));

function streamsOf(path: string, making: Making): Traffic {
  const { streams: given, slice } = readStreams(path);
  // All templates are looked at, since those without headers need those of the command line.
  const whole = completed(
    given.flatMap((stream): Described[] => [...(stream.mix?.parts ?? [stream])]),
    making,
    'streams',
  );
  if (making.frames === null) checkGoals(given, making.destination);
  // Where all have the same destination, the socket is connected to it, and packets are handed over
  // as runs.
  const apart = making.frames === null && given.some(({ to }) => to !== undefined);
  const streams = given.map((stream): StreamsOfFile => {
    const to = apart ? (stream.to ?? making.destination) : undefined;
    const { mix } = stream;
    if (mix === null) return { ...stream, ...(whole.shift() as Described), to };
    const parts = whole.splice(0, mix.parts.length) as PartOfFile[];
    return { ...stream, mix: { ...mix, parts }, to };
  });
  const made = streams.flatMap((stream) => {
    const where = `--streams: ${stream.name}:`;
    const { mix } = stream;
    if (mix === null) return [compiled(stream, where)];
    return asFile(where, () => checkMix(plainParts(mix.parts), mix.order).parts);
  });
  // Templates that replace others later have to fit the same buffers.
  const later = streams.flatMap(({ changes, name }) =>
    changes.flatMap(({ described }) =>
      described === undefined ? [] : [compiled(described, `--streams: ${name}:`)],
    ),
  );
  return {
    content: { streams, slice },
    longest: Math.max(1, ...[...made, ...later].map(({ length }) => length)),
    mean: null,
    offload: (made[0]?.template.offsets.offload ?? -1) >= 0,
    init: undefined,
    parts: streams.map(({ name }) => name),
    notes: making.notes,
  };
}

/** Checks destinations of streams: each has its own, or all have the DESTINATION. */
function checkGoals(streams: readonly StreamsOfFile[], destination: Endpoint | undefined): void {
  const own = streams.filter(({ to }) => to !== undefined);
  for (const { name, to } of own) {
    if (isIP(to?.address ?? '') > 0 && (to?.port ?? 0) > 0) continue;
    throw new UsageError(`--streams: ${name}: to has to be ADDRESS:PORT, an address and no name`);
  }
  const lost = streams.find(({ to }) => to === undefined);
  if (lost !== undefined && destination === undefined) {
    throw new UsageError(`--streams: ${lost.name} says not where 'to', and no DESTINATION does`);
  }
  if (lost !== undefined && own.length > 0 && isIP(destination?.address ?? '') === 0) {
    throw new UsageError(
      '--streams: DESTINATION has to be an address where some streams have others',
    );
  }
}

/**
 * Completes descriptions from files: for frames, those without headers get those of the command
 * line. Fields of the command line are added to each.
 */
function completed<D extends Described>(
  all: readonly D[],
  making: Making,
  option: 'mix' | 'streams',
): D[] {
  const { options, destination, frames, notes } = making;
  const bare = ({ description }: Described) =>
    Object.keys(description).every((key) => key === 'payload' || key === 'length');
  const needed = frames !== null && all.some(bare);
  if (!needed) refuseDestination(option, frames, destination);
  const frame = needed ? describePacket(options, destination, frames, notes) : {};
  const { payload: _, length, ...headers } = frame as PacketDescription;
  return all.map((one) => {
    const fields = fieldsOf(one.fields, options);
    if (!(needed && bare(one))) return { ...one, fields };
    // The length of the shortest frame, unless the description has a length or a payload.
    const own = 'payload' in one.description ? {} : { length };
    const description = { ...headers, ...own, ...one.description } as PacketDescription;
    return { ...one, description, fields };
  });
}

function refuseDestination(
  option: (typeof FILES)[number],
  frames: Frames,
  destination: Endpoint | undefined,
): void {
  if (frames === null || destination === undefined) return;
  throw new UsageError(`--${option} FILE says where frames go: a DESTINATION is not taken as well`);
}

function fieldsOf(own: readonly AnyField[], { field, seed }: SendOptions): AnyField[] {
  return [...own, ...field].map((one, index) => seeded(one, seed, index));
}

/** Random fields of different places have different seeds. */
function seeded(field: AnyField, seed: number | undefined, index: number): AnyField {
  if (seed === undefined) return field;
  const own = (seed + index) % 2 ** 32;
  if ('random' in field) return { ...field, random: { seed: own, ...field.random } } as AnyField;
  return isDrawn(field) ? ({ seed: own, ...field } as AnyField) : field;
}

const compiled = ({ description, fields }: Described, where: string) =>
  asFile(where, () => compile(template(description), fields));

/**
 * Turns the error of a file of payloads that cannot be read into a UsageError, as for files of
 * packets.
 */
function asFile<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) {
      throw new UsageError(`${where}${where.endsWith(':') ? '' : ':'} ${error.message}`);
    }
    throw error;
  }
}
