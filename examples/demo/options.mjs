// @ts-check
// The command line.
import { parseArgs } from 'node:util';

export const TRANSPORTS = /** @type {const} */ (['udp', 'tcp', 'tcp-mix', 'sink']);

/** @typedef {typeof TRANSPORTS[number]} Transport */

/**
 * @typedef {object} DemoOptions
 * @property {Transport[]} only
 * @property {number} seconds of each transport
 * @property {number} count sends of each transport, at most
 * @property {number} udpSize bytes
 * @property {number} segment bytes
 * @property {number} tcpSize bytes
 * @property {number} mixMin bytes
 * @property {number} mixMax bytes
 * @property {number} buffers
 * @property {number} seed
 * @property {boolean} json
 */

/** A datagram carries a sequence number and enough content to recognise it by. */
export const SHORTEST_DATAGRAM = 16;

/** A number of sends that nobody reaches. */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;

const NUMBERS = {
  seconds: { min: 0.1, max: 3600, whole: false, default: 4 },
  count: { min: 1, max: UNLIMITED, whole: true, default: UNLIMITED },
  'udp-size': { min: SHORTEST_DATAGRAM, max: 65507, whole: true, default: 64400 },
  segment: { min: SHORTEST_DATAGRAM, max: 65507, whole: true, default: 1400 },
  'tcp-size': { min: 1, max: 2 ** 24, whole: true, default: 65536 },
  'mix-min': { min: 1, max: 2 ** 24, whole: true, default: 1 },
  'mix-max': { min: 1, max: 2 ** 24, whole: true, default: 2 ** 20 },
  buffers: { min: 1, max: 16384, whole: true, default: 256 },
  seed: { min: 0, max: 2 ** 32 - 1, whole: true, default: 0 },
};

export const USAGE = `Sends over UDP and TCP with MSG_ZEROCOPY, checks every byte and every id, prints a table.

usage: npm start -- [options]

  --only LIST        transports, separated by commas (default: ${TRANSPORTS.join(',')})
                       udp      trains of datagrams over loopback, cut by the kernel (GSO)
                       tcp      sends of one size over loopback
                       tcp-mix  sends of random sizes over loopback
                       sink     UDP into an interface that drops what it gets, in a network
                                namespace of its own, where the kernel does not copy; in turns
                                with a copying sender. Needs root, or user namespaces
  --seconds N        time of each transport, 0.1 to 3600 (default 4)
  --count N          end each transport after so many sends, if that is sooner
  --udp-size BYTES   one UDP send (default 64400)
  --segment BYTES    one datagram of it (default 1400)
  --tcp-size BYTES   one TCP send (default 65536)
  --mix-min BYTES    smallest and largest send of tcp-mix (default 1 and 1048576);
  --mix-max BYTES      small ones are as frequent as large ones
  --buffers N        buffers in the pool, 1 to 16384 (default 256; a quarter for tcp-mix)
  --seed N           of content and sizes, to repeat a run (default: chosen and printed)
  --json             print one JSON document and nothing else (progress goes to stderr)
  --help             print this

Exit code: 0 all ids completed once and every byte was right; 1 not so, or nothing could be sent;
2 wrong options.
Ctrl-C ends early, with the table so far.`;

export class OptionError extends Error {}

/** @param {keyof typeof NUMBERS} name @param {string | undefined} text */
function number(name, text) {
  const { min, max, whole, default: standard } = NUMBERS[name];
  if (text === undefined) return standard;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new OptionError(`--${name} has to be ${kind} from ${min} to ${max}; received '${text}'`);
}

/** @param {string | undefined} text @returns {Transport[]} */
function transports(text) {
  if (text === undefined) return [...TRANSPORTS];
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (TRANSPORTS.some((known) => known === name)) continue;
    throw new OptionError(`--only takes ${TRANSPORTS.join(', ')}; received '${name}'`);
  }
  return TRANSPORTS.filter((name) => names.includes(name));
}

/** @param {string[]} args */
function parse(args) {
  const text = /** @type {const} */ ({ type: 'string' });
  try {
    return parseArgs({
      args,
      options: {
        only: text,
        seconds: text,
        count: text,
        'udp-size': text,
        segment: text,
        'tcp-size': text,
        'mix-min': text,
        'mix-max': text,
        buffers: text,
        seed: text,
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new OptionError(/** @type {Error} */ (error).message);
  }
}

/**
 * @param {string[]} args
 * @returns {DemoOptions | null} null: help is wanted
 * @throws {OptionError}
 */
export function parseOptions(args) {
  const values = parse(args);
  if (values.help) return null;
  /** @type {DemoOptions} */
  const options = {
    only: transports(values.only),
    seconds: number('seconds', values.seconds),
    count: number('count', values.count),
    udpSize: number('udp-size', values['udp-size']),
    segment: number('segment', values.segment),
    tcpSize: number('tcp-size', values['tcp-size']),
    mixMin: number('mix-min', values['mix-min']),
    mixMax: number('mix-max', values['mix-max']),
    buffers: number('buffers', values.buffers),
    seed:
      values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : number('seed', values.seed),
    json: values.json,
  };
  if (options.mixMin > options.mixMax) {
    throw new OptionError(
      `--mix-min must not be above --mix-max; received ${options.mixMin} and ${options.mixMax}`,
    );
  }
  const rest = options.udpSize % options.segment;
  if (rest !== 0 && rest < SHORTEST_DATAGRAM) {
    throw new OptionError(
      `the last datagram of each send would have ${rest} bytes, and needs ${SHORTEST_DATAGRAM}: ` +
        'choose another --udp-size or --segment',
    );
  }
  return options;
}
