import {
  bytes,
  choices,
  integer,
  type OptionValues,
  seconds,
  UsageError,
} from '../base/options.js';
import { SHORTEST_DATAGRAM } from './checks.js';

const TRANSPORTS = ['udp', 'tcp', 'tcp-mix', 'sink'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** A number of sends that is never reached. */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** Datagrams of one send that any kernel takes (UDP_MAX_SEGMENTS from Linux 6.9 on). */
const MOST_DATAGRAMS = 128;

const datagram = { min: SHORTEST_DATAGRAM, max: 65_507 };
const send = { min: 1, max: 2 ** 24 };

export const OPTIONS = {
  only: choices(
    'transports: udp, trains of datagrams over loopback, cut by the kernel (GSO); tcp, sends of one ' +
      'size over loopback; tcp-mix, sends of random sizes; sink, UDP into an interface that drops what ' +
      'it gets, in a network namespace of its own, where the kernel does not copy, in turns with a ' +
      'copying sender: needs root, or user namespaces',
    TRANSPORTS,
    { default: TRANSPORTS },
  ),
  seconds: seconds('time of each transport', { min: 0.1, max: 3600, default: 4 }),
  count: integer('end each transport after so many sends, if that is sooner', {
    min: 1,
    max: UNLIMITED,
    default: UNLIMITED,
    shown: '',
  }),
  'udp-size': bytes('one UDP send', { ...datagram, default: 64_400 }),
  segment: bytes('one datagram of it', { ...datagram, default: 1400 }),
  'tcp-size': bytes('one TCP send', { ...send, default: 65_536 }),
  'mix-min': bytes('smallest send of tcp-mix; small ones are as frequent as large ones', {
    ...send,
    default: 1,
  }),
  'mix-max': bytes('largest send of tcp-mix', { ...send, default: 2 ** 20 }),
  buffers: integer('buffers in the pool; a quarter for tcp-mix', {
    min: 1,
    max: 16_384,
    default: 256,
  }),
  seed: integer('of content and sizes, to repeat a run (default: chosen and printed)', {
    min: 0,
    max: 2 ** 32 - 1,
    default: undefined,
  }),
};

export interface DemoOptions {
  readonly only: readonly Transport[];
  /** Of each transport. */
  readonly seconds: number;
  /** Sends of each transport, at most. */
  readonly count: number;
  /** Sizes in bytes. */
  readonly udpSize: number;
  readonly segment: number;
  readonly tcpSize: number;
  readonly mixMin: number;
  readonly mixMax: number;
  readonly buffers: number;
  readonly seed: number;
}

/** @throws UsageError for sizes that do not go together */
export function checked(given: OptionValues<typeof OPTIONS>): DemoOptions {
  const { only, seconds, count, segment, buffers, seed } = given;
  const { 'udp-size': udpSize, 'tcp-size': tcpSize, 'mix-min': mixMin, 'mix-max': mixMax } = given;
  if (mixMin > mixMax) {
    throw new UsageError(`--mix-min must not be above --mix-max; received ${mixMin} and ${mixMax}`);
  }
  const rest = udpSize % segment;
  if (rest !== 0 && rest < SHORTEST_DATAGRAM) {
    throw new UsageError(
      `the last datagram of each send would have ${rest} bytes, and needs ${SHORTEST_DATAGRAM}: ` +
        'choose another --udp-size or --segment',
    );
  }
  if (udpSize > MOST_DATAGRAMS * segment && (only.includes('udp') || only.includes('sink'))) {
    throw new UsageError(
      `each send would be ${Math.ceil(udpSize / segment)} datagrams, of which kernels take ` +
        `${MOST_DATAGRAMS} at most: choose another --udp-size or --segment`,
    );
  }
  const chosen = seed ?? Math.floor(Math.random() * 2 ** 32);
  const sizes = { udpSize, segment, tcpSize, mixMin, mixMax };
  return { only, seconds, count, ...sizes, buffers, seed: chosen };
}
