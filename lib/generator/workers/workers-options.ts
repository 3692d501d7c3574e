import { availableParallelism } from 'node:os';
import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { checkPrecision, type Precision } from '../base/sleeper.js';
import { checkKeys } from '../base/validate.js';
import type { AnyField } from '../fields/fields.js';
import { compile } from '../fields/sequence.js';
import type { Rate } from '../pace/rate.js';
import type { PacketDescription } from '../packets/description.js';
import { Template, template } from '../packets/template.js';
import type { Progress } from '../runs/meter.js';
import { checkMix, checkOneContent, type MixOrder, type MixPart } from '../runs/mix.js';
import { checkLimits, checkObserved, checkOnError } from '../runs/run-options.js';
import type { WorkerJob, WorkerSocket } from './protocol.js';

/** The options of `generate`, for all workers together. Each worker gets a copy of them. */
export interface WorkersOptions {
  /** What each worker opens. */
  socket: WorkerSocket;
  /** The packet: a description, for a template cannot be handed to a thread. */
  template?: PacketDescription;
  /** What changes from packet to packet; default nothing. */
  fields?: readonly AnyField[];
  /** Several kinds of packets in place of `template` and `fields`: each worker sends all kinds, in their shares. */
  mix?: readonly (MixPart & { template: PacketDescription })[];
  /** How the kinds of a mix follow each other; default `'interleaved'`. */
  mixOrder?: MixOrder;
  /** Worker threads, 1 to 256; default as many as there are cores. */
  workers?: number;
  /** Number of the first packet; default 0. */
  first?: number;
  /** The rate of all together. By default packets leave as fast as the sockets take them. */
  rate?: Rate;
  /** How each waits for what is due; default `'sleep'`. */
  precision?: Precision;
  /**
   * What a call is followed by that a socket or the kernel has refused, as of `generate`: the end of all, or the
   * next packets. No function, which a thread cannot be handed.
   */
  onError?: 'stop' | 'skip';
  /** Ends after so many packets of all together, at least one for each worker; default never. */
  count?: number;
  /** Ends after so many seconds; default never. */
  seconds?: number;
  /** Sends that each hands over at once, 1 to 1024; default 64, of frames 256. */
  batch?: number;
  /** Ends the run, which then reports. */
  signal?: AbortSignal;
  /**
   * Called while it runs, with the sum and with that of each worker; an error that it throws ends
   * the run.
   */
  onProgress?: (progress: Progress, workers: readonly Progress[]) => void;
  /** Milliseconds between two calls of `onProgress`; default 1000. */
  progressInterval?: number;
}

const KEYS = [
  'socket',
  'template',
  'fields',
  'mix',
  'mixOrder',
  'workers',
  'first',
  'rate',
  'precision',
  'onError',
  'count',
  'seconds',
  'batch',
  'signal',
  'onProgress',
  'progressInterval',
] as const satisfies readonly (keyof WorkersOptions)[];

/** Checks the options of `generateInWorkers`, and makes the jobs of its workers. */
export function checkWorkers(options: WorkersOptions): WorkerJob[] {
  checkKeys('options', options, KEYS);
  checkKeys('options.socket', options.socket, ['udp', 'packet', 'xdp']);
  return jobsOf(options);
}

/** A protocol of one's own has functions, which a thread is not given. */
function refuseOwnProtocols(name: string, { layers = [] }: PacketDescription): void {
  const at = layers.findIndex((layer) => 'protocol' in layer);
  if (at < 0) return;
  throw invalidArgument(
    `${name}.layers[${at}]`,
    'a layer by the name of its protocol: threads share no functions',
    layers[at],
  );
}

/** The options of a run whose sockets may also be streams. */
export type JobOptions = Omit<WorkersOptions, 'socket'> & Pick<WorkerJob, 'socket'>;

/** What all workers send, checked before a thread is started, and bytes of a packet. */
function packetsOf(options: JobOptions) {
  const { template: one, fields = [], mix, mixOrder } = options;
  checkOneContent(options);
  if (mix === undefined) {
    const description = one as PacketDescription; // or template() says what is wrong
    const { meanLength: length } = compile(template(description), fields);
    refuseOwnProtocols('options.template', description);
    return { packets: { template: description, fields }, length };
  }
  const { meanBytes } = checkMix(mix, mixOrder);
  for (const [i, part] of mix.entries()) {
    const name = `options.mix[${i}].template`;
    if (part.template instanceof Template) {
      throw invalidArgument(
        name,
        'a description: a thread cannot be handed a template',
        part.template,
      );
    }
    refuseOwnProtocols(name, part.template);
  }
  return { packets: { mix, ...(mixOrder && { mixOrder }) }, length: meanBytes };
}

/** What each worker is given when its thread starts. @throws as `generateInWorkers` */
export function jobsOf(options: JobOptions): WorkerJob[] {
  const { socket, workers = availableParallelism(), first = 0 } = options;
  if (Object.keys(socket).length !== 1) {
    throw invalidArgument('options.socket', 'one of udp, packet and xdp', socket);
  }
  checkInteger('options.workers', workers, 1, 256);
  checkInteger('options.first', first, 0, Number.MAX_SAFE_INTEGER);
  const { packets, length } = packetsOf(options);
  const { rate, precision, onError, count, seconds, batch } = options;
  checkPrecision(precision);
  checkOnError(onError ?? 'stop');
  if (typeof onError === 'function') {
    throw invalidArgument(
      'options.onError',
      "'stop' or 'skip': threads share no functions",
      onError,
    );
  }
  checkLimits(options, length, workers);
  if (rate instanceof Object && Object.values(rate).some((speed) => typeof speed === 'function')) {
    throw invalidArgument('options.rate', 'no function: a thread cannot be handed one', rate);
  }
  const { progressInterval } = checkObserved(options);
  return Array.from({ length: workers }, (_, index) => ({
    socket,
    packets,
    index,
    of: workers,
    first,
    run: {
      ...(rate === undefined ? {} : { rate }),
      ...(precision === undefined ? {} : { precision }),
      ...(onError === undefined ? {} : { onError }),
      ...(count === undefined ? {} : { count: Math.ceil((count - index) / workers) }),
      ...(seconds === undefined ? {} : { seconds }),
      ...(batch === undefined ? {} : { batch }),
      progressInterval,
    },
  }));
}
