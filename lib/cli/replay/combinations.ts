import { UsageError } from '../base/options.js';
import { OPTIONS, type ReplayCommandOptions } from './options.js';

/** Options of frames that have no effect on payloads. */
const OF_FRAMES = ['buffers', 'add-vlan', 'remove-vlan', 'source-mac', 'destination-mac'] as const;

/**
 * Refuses options that do not go together.
 * @returns the path of the capture
 * @throws UsageError
 */
export function checkCombination(
  options: ReplayCommandOptions,
  positionals: readonly string[],
): string {
  const { packet, xdp, udp, speed, segmentation, burst, bursts, poisson } = options;
  const rate = options.rate ?? bursts;
  const [path, stray] = positionals;
  if (path === undefined) throw new UsageError('CAPTURE is missing: a pcap or pcapng file, or -');
  if (stray !== undefined) {
    throw new UsageError(
      `takes one CAPTURE; received '${positionals.join("' and '")}'. Where to is told by --packet, ` +
        '--xdp or --udp',
    );
  }
  const ways = [packet, xdp, udp].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    throw new UsageError('takes one of --packet IFACE, --xdp IFACE and --udp HOST:PORT');
  }
  if (udp !== undefined && !udp.port) throw new UsageError('--udp has to be HOST:PORT');
  if (options.split !== undefined && options.server === undefined) {
    throw new UsageError('--split needs --server');
  }
  const ofServers = ['server-source-mac', 'server-destination-mac', 'server-rewrite'] as const;
  const needy = ofServers.find((name) => options[name] !== undefined);
  if (needy !== undefined && options.server === undefined) {
    throw new UsageError(`--${needy} needs --server`);
  }
  if (bursts !== undefined && (options.rate ?? burst) !== undefined) {
    throw new UsageError('--bursts takes the place of --rate and --burst');
  }
  if (rate === undefined && (poisson || burst !== undefined)) {
    throw new UsageError(`--${poisson ? 'poisson' : 'burst'} needs a --rate`);
  }
  if (options.seed !== undefined && !poisson) throw new UsageError('--seed needs --poisson');
  if (options['loop-gap'] !== undefined && options.loops === 1) {
    throw new UsageError('--loop-gap needs --loops');
  }
  if (rate !== undefined && (speed !== 1 || options['max-gap'] !== undefined)) {
    throw new UsageError('a --rate takes the place of --speed and --max-gap');
  }
  const bypass = options['qdisc-bypass'];
  if ((segmentation || bypass) && packet === undefined) {
    throw new UsageError(`--${bypass ? 'qdisc-bypass' : 'segmentation'} is for --packet`);
  }
  if (options.queue !== OPTIONS.queue.default && xdp === undefined) {
    throw new UsageError('--queue is for --xdp');
  }
  const ofFrame = OF_FRAMES.find((name) => udp !== undefined && options[name] !== undefined);
  if (ofFrame !== undefined) {
    throw new UsageError(`--${ofFrame} is for --packet and --xdp: --udp sends payloads`);
  }
  return path;
}
