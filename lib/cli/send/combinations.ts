import { UsageError } from '../base/options.js';
import { type Endpoint, readEndpoint } from './addresses.js';
import { isDrawn } from './fields.js';
import { OPTIONS, type SendOptions } from './options.js';

type Way = 'udp' | 'tcp' | 'packet' | 'xdp' | 'output';
type Name = keyof SendOptions;

const SOCKETS: readonly Way[] = ['udp', 'tcp', 'packet', 'xdp'];

/**
 * Options that have an effect in some ways of sending only. Elsewhere they are refused, since they
 * would silently do nothing.
 */
const ONLY: Readonly<Partial<Record<Name, readonly Way[]>>> = {
  'source-mac': ['packet', 'xdp', 'output'],
  'destination-mac': ['packet', 'xdp', 'output'],
  vlan: ['packet', 'xdp', 'output'],
  source: ['udp', 'packet', 'xdp', 'output'],
  segment: ['udp', 'packet', 'output'],
  'pacing-rate': ['udp', 'tcp'],
  'qdisc-bypass': ['packet'],
  buffers: SOCKETS,
  batch: SOCKETS,
  precision: SOCKETS,
  'on-error': SOCKETS,
  'zero-copy': ['udp', 'tcp'],
  queue: ['xdp'],
};
const WAYS: Readonly<Record<Way, string>> = {
  udp: 'UDP sockets',
  tcp: 'TCP sockets',
  packet: '--packet',
  xdp: '--xdp',
  output: '--output',
};
/** Options that the file of `--template` replaces. */
const IN_TEMPLATE = ['source', 'source-mac', 'destination-mac', 'vlan'] as const;
/**
 * Options that name a file with packets. Only one of them is allowed, and with several templates no
 * option about a single packet.
 */
const FILES = ['template', 'mix', 'streams'] as const;
const OF_ONE_PACKET = ['size', 'payload', 'segment'] as const;
/** Options that streams have each for themselves. */
const OF_ONE_STREAM = ['rate', 'bursts', 'burst', 'catch-up', 'count'] as const;

/**
 * Finds out which way of sending is meant, and refuses options that do not go together.
 * @returns the destination, if one was given
 * @throws UsageError
 */
export function checkCombination(
  options: SendOptions,
  positionals: readonly string[],
): Endpoint | undefined {
  const way = wayOf(options);
  for (const [name, ways] of Object.entries(ONLY)) {
    const usual = OPTIONS[name as Name].default;
    if (options[name as Name] === usual || ways.includes(way)) continue;
    const those = ways.map((one) => WAYS[one]).join(', ');
    throw new UsageError(`--${name} is for ${those}; this would send by ${WAYS[way]}`);
  }
  const frames = way !== 'udp' && way !== 'tcp';
  checkWorkers(options, way);
  checkEnd(options, way);
  checkFiles(options, way);
  checkRate(options, way);
  if (frames && options.template !== undefined) {
    const twice = IN_TEMPLATE.find((name) => options[name] !== undefined);
    if (twice !== undefined) {
      throw new UsageError(`--template says what is in frames: --${twice} is not taken as well`);
    }
  }
  return destinationOf(positionals, frames || options.streams !== undefined, frames);
}

function wayOf({ protocol, packet, xdp, output }: SendOptions): Way {
  if (packet !== undefined && xdp !== undefined) {
    throw new UsageError('takes one of --packet and --xdp');
  }
  if (output !== undefined) return 'output';
  if (packet !== undefined) return 'packet';
  return xdp !== undefined ? 'xdp' : protocol;
}

function checkWorkers({ workers, segment, size, buffers, count }: SendOptions, way: Way): void {
  if (workers === 1) return;
  if (way === 'output') {
    throw new UsageError(`--workers: a capture is written by one thread; received ${workers}`);
  }
  if (count !== undefined && count < workers) {
    throw new UsageError(`--count has to be at least --workers (${workers}); received ${count}`);
  }
  if (way !== 'udp' && way !== 'tcp') return;
  if (buffers !== undefined || (segment !== undefined && size !== undefined)) {
    const what = buffers !== undefined ? '--buffers' : '--size beside --segment';
    throw new UsageError(`${what} is not taken with several --workers that have sockets`);
  }
}

function checkEnd({ count, seconds, rate, bursts }: SendOptions, way: Way): void {
  if (way !== 'output' || count !== undefined) return;
  if (seconds === undefined || (rate ?? bursts) === undefined) {
    throw new UsageError('--output needs an end: --count, or --seconds and --rate');
  }
}

function checkFiles(options: SendOptions, way: Way): void {
  const [file, another] = FILES.filter((name) => options[name] !== undefined);
  if (another !== undefined) throw new UsageError(`takes one of --${file} and --${another}`);
  if (file === undefined || file === 'template') return;
  const one = OF_ONE_PACKET.find((name) => options[name] !== undefined);
  if (one !== undefined)
    throw new UsageError(`--${file} says what packets are: --${one} is not taken as well`);
  if (file === 'mix') return;
  if (way === 'tcp' || way === 'output') {
    throw new UsageError(
      `--streams are for UDP sockets, --packet and --xdp; this would send by ${WAYS[way]}`,
    );
  }
  const own = OF_ONE_STREAM.find((name) => options[name] !== undefined);
  if (own !== undefined)
    throw new UsageError(`--streams: each has its own: --${own} is not taken as well`);
  if (options.poisson)
    throw new UsageError('--streams: each has its own rate: --poisson is not taken as well');
  if (options.first > 0) throw new UsageError('--streams: --first is not taken as well');
  if (options.workers > 1)
    throw new UsageError('--streams go from one thread: --workers is not taken as well');
}

function checkRate(options: SendOptions, way: Way): void {
  const { rate, bursts, burst, poisson } = options;
  if (bursts !== undefined && (rate ?? burst) !== undefined) {
    throw new UsageError('--bursts takes the place of --rate and --burst');
  }
  const asked = rate ?? bursts;
  const drawn = poisson || options.field.some(isDrawn);
  // What is in a file may be drawn.
  if (options.seed !== undefined && !drawn && FILES.every((name) => options[name] === undefined)) {
    throw new UsageError('--seed needs --poisson, or a --field of random values');
  }
  if (asked === undefined) {
    const [needy] = [
      ...(burst === undefined ? [] : ['burst']),
      ...(poisson ? ['poisson'] : []),
      ...(options['catch-up'] === undefined ? [] : ['catch-up']),
    ];
    if (needy !== undefined) throw new UsageError(`--${needy} needs a --rate`);
  }
  if (way === 'output' && options['catch-up'] !== undefined) {
    throw new UsageError('--catch-up is for what is sent: nothing is late in a file');
  }
}

/** @param optional whether the destination may be left out */
function destinationOf(
  positionals: readonly string[],
  optional: boolean,
  frames: boolean,
): Endpoint | undefined {
  const [text, stray] = positionals;
  if (stray !== undefined) {
    throw new UsageError(`takes one DESTINATION; received '${positionals.join("' and '")}'`);
  }
  if (text === undefined) {
    if (optional) return undefined;
    throw new UsageError('DESTINATION is missing: where to, as HOST:PORT');
  }
  let endpoint: Endpoint;
  try {
    endpoint = readEndpoint(text);
  } catch (error) {
    throw new UsageError(`DESTINATION ${(error as Error).message}; received '${text}'`);
  }
  if (!frames && !(endpoint.port ?? 0)) {
    throw new UsageError(`DESTINATION has to be HOST:PORT; received '${text}'`);
  }
  return endpoint;
}
