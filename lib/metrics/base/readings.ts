import type { LatencyBucket, PoolSums, ProcessStats, SocketSums } from '../../index.js';

/** One value of a reading, with the labels that distinguish it from other values. */
export interface Value {
  value: number;
  labels: Readonly<Record<string, string>>;
}

/** How long sends took to complete, in seconds. */
export interface Durations {
  labels: Readonly<Record<string, string>>;
  count: number;
  sum: number;
  /** the quantiles 0.5, 0.99 and 1, once sends were measured */
  quantiles: readonly (readonly [share: string, seconds: number])[];
  /** how many sends took less than `below` seconds */
  buckets: readonly { below: number; count: number }[];
}

/**
 * One quantity that is read of a thread. Its name has no prefix, unit or suffix, since each
 * monitoring system writes these in its own way.
 */
export interface Reading {
  /** words, joined by dots */
  name: string;
  kind: 'counter' | 'gauge';
  /** the thing that is counted, in the singular, or the unit */
  unit: 'By' | 's' | 'send' | 'call' | 'socket' | 'buffer' | 'pool' | 'frame' | 'packet' | 'error';
  help: string;
  values(stats: ProcessStats): Value[];
}

type Protocol = keyof ProcessStats['byProtocol'];

export const PROTOCOLS = ['tcp', 'udp', 'packet', 'xdp'] as const satisfies readonly Protocol[];

/** One value for each kind of socket. */
function each(read: (sums: SocketSums) => number): Reading['values'] {
  return ({ byProtocol }) =>
    PROTOCOLS.map((protocol) => ({ value: read(byProtocol[protocol]), labels: { protocol } }));
}

function ofPools(read: (sums: PoolSums) => number): Reading['values'] {
  return ({ pools }) => [{ value: read(pools), labels: {} }];
}

const OUTCOMES = [
  ['zerocopy', 'zerocopy'],
  ['copied', 'copied'],
  ['inline', 'inlined'],
  ['revoked', 'revoked'],
  ['failed', 'failed'],
] as const;

/**
 * All quantities that are read of a thread. Labels have a fixed, small set of values: the kind of
 * socket (`protocol`), how sends ended (`how`), the state of buffers (`state`). None is an id, a
 * port or an address.
 */
export const READINGS: readonly Reading[] = [
  {
    name: 'sends',
    kind: 'counter',
    unit: 'send',
    help: 'Sends accepted: ids given out.',
    values: each(({ sends }) => sends),
  },
  {
    name: 'sent',
    kind: 'counter',
    unit: 'By',
    help: 'Bytes of the sends accepted.',
    values: each(({ bytes }) => bytes),
  },
  {
    name: 'unsent',
    kind: 'counter',
    unit: 'By',
    help: 'Bytes of sends that the kernel has not taken: of failed ones.',
    values: each(({ unsentBytes }) => unsentBytes),
  },
  {
    name: 'completions',
    kind: 'counter',
    unit: 'send',
    help: 'Sends completed, by how: zerocopy, copied by the kernel, inline, revoked, failed.',
    values: ({ byProtocol }) =>
      PROTOCOLS.flatMap((protocol) =>
        OUTCOMES.map(([how, counter]) => ({
          value: byProtocol[protocol][counter],
          labels: { protocol, how },
        })),
      ),
  },
  {
    name: 'kernel.sends',
    kind: 'counter',
    unit: 'call',
    help: 'Messages that the kernel has taken.',
    values: each(({ kernelSends }) => kernelSends),
  },
  {
    name: 'queued.sends',
    kind: 'counter',
    unit: 'send',
    help: 'Sends that had to wait for room.',
    values: each(({ queuedSends }) => queuedSends),
  },
  {
    name: 'late.sends',
    kind: 'counter',
    unit: 'send',
    help: 'Sends named by the event stall, of sockets with the option stallAfter.',
    values: each(({ stalled }) => stalled),
  },
  {
    name: 'no.buffers',
    kind: 'counter',
    unit: 'call',
    help: 'ENOBUFS answers: net.core.optmem_max or RLIMIT_MEMLOCK was used up.',
    values: each(({ noBuffers }) => noBuffers),
  },
  {
    name: 'soft.errors',
    kind: 'counter',
    unit: 'error',
    help: 'Pending ICMP errors about earlier datagrams.',
    values: each(({ softErrors }) => softErrors),
  },
  {
    name: 'dropped.frames',
    kind: 'counter',
    unit: 'frame',
    help: 'Packets that AF_XDP reports as dropped by the device.',
    values: each(({ droppedFrames }) => droppedFrames),
  },
  {
    name: 'interface.dropped',
    kind: 'counter',
    unit: 'packet',
    help: 'Packets that interfaces have dropped, of all who send through them, for each socket.',
    values: each(({ interfaceDropped }) => interfaceDropped),
  },
  {
    name: 'sockets.opened',
    kind: 'counter',
    unit: 'socket',
    help: 'Sockets opened.',
    values: each(({ opened }) => opened),
  },
  {
    name: 'sockets.closed',
    kind: 'counter',
    unit: 'socket',
    help: 'Sockets closed.',
    values: each(({ closed }) => closed),
  },
  {
    name: 'socket.errors',
    kind: 'counter',
    unit: 'error',
    help: 'Sockets that an error has ended.',
    values: each(({ errors }) => errors),
  },
  {
    name: 'sockets.open',
    kind: 'gauge',
    unit: 'socket',
    help: 'Sockets open now.',
    values: each(({ open }) => open),
  },
  {
    name: 'sockets.waiting',
    kind: 'gauge',
    unit: 'socket',
    help: 'Sockets with sends that wait for room.',
    values: each(({ waitingForRoom }) => waitingForRoom),
  },
  {
    name: 'sends.in.flight',
    kind: 'gauge',
    unit: 'send',
    help: 'Sends that have not completed.',
    values: each(({ inFlight }) => inFlight),
  },
  {
    name: 'oldest.in.flight',
    kind: 'gauge',
    unit: 's',
    help: 'Age of the send that has been in flight for longest; 0 when there is none.',
    values: each(({ oldest }) => (oldest?.age ?? 0) / 1e9),
  },
  {
    name: 'pools.open',
    kind: 'gauge',
    unit: 'pool',
    help: 'Pools, rings and UMEMs that are there.',
    values: ofPools(({ open }) => open),
  },
  {
    name: 'pool.memory',
    kind: 'gauge',
    unit: 'By',
    help: 'Bytes of the buffers of all pools.',
    values: ofPools(({ bytes }) => bytes),
  },
  {
    name: 'pool.buffers',
    kind: 'gauge',
    unit: 'buffer',
    help: 'Buffers of all pools, by what they are in: free, acquired, in_flight, retired.',
    values: ({ pools: { free, acquired, inFlight, retired } }) =>
      Object.entries({ free, acquired, in_flight: inFlight, retired }).map(([state, value]) => ({
        value,
        labels: { state },
      })),
  },
  {
    name: 'pool.waiting',
    kind: 'gauge',
    unit: 'call',
    help: 'Calls of acquire that wait for a buffer.',
    values: ofPools(({ waiting }) => waiting),
  },
  {
    name: 'pool.dry',
    kind: 'counter',
    unit: 'call',
    help: 'How often a pool was found without a free buffer.',
    values: ofPools(({ dry }) => dry),
  },
];

export const DURATION = {
  name: 'completion.duration',
  help: 'Time from a send until its buffer is free again.',
};

/** How long sends took, of each kind of socket. */
export function durationsOf({ byProtocol }: ProcessStats): Durations[] {
  return PROTOCOLS.map((protocol) => {
    const { count, mean, p50, p99, max, buckets } = byProtocol[protocol].completionLatency;
    const shares = [
      ['0.5', p50 / 1e9],
      ['0.99', p99 / 1e9],
      ['1', max / 1e9],
    ] as const;
    return {
      labels: { protocol },
      count,
      sum: (mean * count) / 1e9,
      quantiles: count > 0 ? shares : [],
      buckets: buckets.map(({ upTo, count: below }: LatencyBucket) => ({
        below: upTo / 1e9,
        count: below,
      })),
    };
  });
}
