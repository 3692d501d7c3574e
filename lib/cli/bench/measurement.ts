import {
  BufferPool,
  type PooledBuffer,
  TcpSocket,
  UdpSocket,
  type ZeroCopySocket,
} from '../../index.js';
import { showSize } from './format.js';
import type { Protocol, Slice, Way } from './measurements.js';
import type { Assignment, FromMeasuring, PathDescription } from './messages.js';
import type { Endpoint } from './network.js';
import { openDgram, openNet } from './node-senders.js';
import type { Path } from './paths.js';
import { type Plan, type PlannedGroup, type PlannedTrials, planOf, WARM_UP } from './plan.js';
import { openProgram } from './program-sender.js';
import {
  type Contestant,
  contestant,
  type Sender,
  sendingByRing,
  sendingFromPool,
  sendingInTurn,
  sendingRuns,
} from './senders.js';
import { isAcknowledged, untilAcknowledged } from './tcp-queue.js';

const HOT = 16; // buffers
const MOST_COLD = 32_768; // buffers; limited, since each has objects in JavaScript
// With its headers it is below gso_max_size (65536): longer ones are cut by the processor, not the device.
const LONGEST_UDP = 65_000;
const LONGEST_TCP = 2 ** 24;

/** The option `zeroCopy` of each way. */
const ASKING = { zerocopy: 'always', auto: 'auto', copy: 'never' } as const;

type Mechanism = Assignment['mechanisms'][number];

/**
 * Opens the senders that are compared, lets them send in turns, and reports each group when it is
 * done.
 */
export class Measurement {
  private done = 0;
  private plan: Plan | undefined;
  private readonly leftOut: Partial<Record<Mechanism, string>>;
  private readonly sockets = new Map<string, ZeroCopySocket>();

  constructor(
    private readonly assignment: Assignment,
    private readonly path: Path,
    private readonly coldBytes: number,
    private readonly tell: (message: FromMeasuring) => void,
    private readonly stop: AbortSignal,
  ) {
    this.leftOut = { ...path.description.leftOut };
  }

  async run(): Promise<void> {
    const plan = await this.begin();
    this.plan = plan;
    try {
      for (const group of plan.groups) {
        if (this.stop.aborted) return;
        await this.measureGroup(group);
      }
      for (const trials of plan.trials) {
        if (this.stop.aborted) return;
        await this.measureTrials(trials);
      }
    } finally {
      for (const socket of this.sockets.values()) await socket.close();
    }
  }

  /** Finds out what is possible before the plan is made. */
  private async begin(): Promise<Plan> {
    const { mechanisms, quick, seconds, sizes, segment } = this.assignment;
    const longest = { udp: 0, tcp: LONGEST_TCP };
    const protocols: Protocol[] = [];
    if (mechanisms.includes('udp') || mechanisms.includes('ring')) {
      const { maxSendLength } = (await this.socket('udp', 'copy')).info();
      longest.udp = Math.min(maxSendLength, LONGEST_UDP);
      protocols.push('udp');
    }
    if (mechanisms.includes('tcp') && this.path.tcp) {
      try {
        await this.socket('tcp', 'copy');
        protocols.push('tcp');
      } catch (error) {
        if (protocols.length === 0) throw error; // nothing but the ring was asked for
        this.leftOut.tcp = (error as Error).message;
      }
    }
    const zeroCopyOverUdp = mechanisms.includes('udp');
    const ring = mechanisms.includes('ring') && (await this.canUseRing(segment));
    const { auto = false, programs = {} } = this.assignment;
    const further = [...(auto ? (['auto'] as const) : []), ...(Object.keys(programs) as Way[])];
    const wanted = { quick, seconds, sizes, protocols, zeroCopyOverUdp, ring, further, longest };
    const plan = planOf(wanted);
    const { rounds, sliceSeconds, groups } = plan;
    this.tell({ type: 'begin', path: this.describe(), plan: { rounds, sliceSeconds, groups } });
    return plan;
  }

  private describe(): PathDescription {
    const { mechanisms } = this.assignment;
    const { ways, ...description } = this.path.description;
    const chosen = (key: string) => mechanisms.includes(key as Mechanism);
    const pick = (all: Partial<Record<Mechanism, string>>) =>
      Object.fromEntries(Object.entries(all).filter(([key]) => chosen(key)));
    const used = Object.fromEntries(
      Object.entries(pick(ways)).filter(([key]) => !(key in this.leftOut)),
    );
    return { ...description, ways: used, leftOut: pick(this.leftOut), coldBytes: this.coldBytes };
  }

  private async canUseRing(segment: number): Promise<boolean> {
    if (this.path.ring === undefined) return false;
    try {
      await (await sendingByRing(this.path.ring, segment, segment, HOT)).close();
      return true;
    } catch (error) {
      this.leftOut.ring = (error as Error).message;
      return false;
    }
  }

  private async measureGroup(group: PlannedGroup): Promise<void> {
    const { protocol, size, memory, ways } = group;
    const count = memory === 'hot' ? HOT : Math.ceil(this.coldBytes / size);
    const buffers = new BufferSet(size, Math.max(HOT, Math.min(count, MOST_COLD)));
    const senders = new Map<Way, Contestant>();
    try {
      for (const way of ways) senders.set(way, await this.contestant(way, group, buffers.all));
      const slices = await this.takeTurns(senders, `${protocol} ${showSize(size)} ${memory}`);
      if (slices) this.tell({ type: 'group', group: { protocol, size, memory, slices } });
    } finally {
      for (const sender of senders.values()) await sender.close();
      await buffers.close();
    }
  }

  private async contestant(
    way: Way,
    group: PlannedGroup,
    buffers: readonly PooledBuffer[],
  ): Promise<Contestant> {
    const program = way === 'c' || way === 'c-copy' ? this.assignment.programs?.[way] : undefined;
    if (program === undefined) return contestant(await this.sender(way, group, buffers));
    const { protocol, size } = group;
    const { segment } = this.assignment;
    const target = this.path[protocol] as Endpoint;
    return await openProgram(program, {
      ...{ protocol, ...target, size, segment, buffers: buffers.length },
    });
  }

  private async sender(
    way: Way,
    { protocol, size }: PlannedGroup,
    buffers: readonly PooledBuffer[],
  ): Promise<Sender> {
    if (way === 'ring' && this.path.ring) {
      return await sendingByRing(this.path.ring, size, this.assignment.segment, buffers.length);
    }
    if (way === 'node') {
      const views = buffers.map(({ bytes }) => bytes.subarray(0, size));
      const target = this.path[protocol] as Endpoint;
      return await (protocol === 'udp' ? openDgram(target, views) : openNet(target, views));
    }
    const asking = way === 'copy' || way === 'auto' ? way : 'zerocopy';
    const socket = await this.socket(protocol, asking);
    const sender = sendingInTurn(socket, buffers, size);
    return protocol === 'tcp' ? untilAcknowledged(sender, () => isAcknowledged(socket)) : sender;
  }

  private async measureTrials({ kind, protocol, size, values }: PlannedTrials): Promise<void> {
    const way = kind === 'batch' ? 'copy' : 'zerocopy';
    const socket = await this.socket(protocol, way);
    const pools = new Map<number, BufferPool>();
    const senders = new Map<number, Contestant>();
    for (const value of values) {
      const count = kind === 'batch' ? Math.max(64, 2 * value) : value;
      const pool = new BufferPool({ bufferSize: size, count, init: (bytes) => void bytes.fill(1) });
      pools.set(value, pool);
      senders.set(
        value,
        contestant(
          kind === 'batch'
            ? sendingRuns(socket, pool, size, value)
            : sendingFromPool(socket, pool, size),
        ),
      );
    }
    const slices = await this.takeTurns(senders, `${kind} of ${showSize(size)}`);
    for (const [value, own] of Object.entries(slices ?? {})) {
      this.tell({ type: 'trial', trial: { kind, size, value: Number(value), slices: own } });
    }
    for (const pool of pools.values()) await pool.close();
    collectGarbage();
  }

  /**
   * Lets all send once in each round. The order is reversed in every second round, so that none is
   * always the first.
   */
  private async takeTurns<K extends string | number>(
    senders: ReadonlyMap<K, Contestant>,
    what: string,
  ): Promise<Record<K, Slice[]> | null> {
    const { rounds, sliceSeconds, slices: all } = this.plan as Plan;
    const slices = Object.fromEntries(
      [...senders.keys()].map((key) => [key, []]),
    ) as unknown as Record<K, Slice[]>;
    for (const sender of senders.values()) await sender.run(sliceSeconds * WARM_UP);
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? [...senders] : [...senders].reverse();
      const measured: [K, Slice][] = [];
      for (const [key, sender] of order) {
        // A message to stop is only received in a turn of the event loop.
        await new Promise((resolve) => setImmediate(resolve));
        if (this.stop.aborted) return round === 0 ? null : slices;
        measured.push([key, await sender.run(sliceSeconds)]);
        this.done++;
        this.tell({ type: 'progress', share: this.done / all, what });
      }
      // A round counts only if all have sent in it, since they are compared round by round.
      for (const [key, slice] of measured) slices[key].push(slice);
    }
    return slices;
  }

  private async socket(protocol: Protocol, way: keyof typeof ASKING): Promise<ZeroCopySocket> {
    const key = `${protocol} ${way}`;
    const known = this.sockets.get(key);
    if (known) return known;
    const common = {
      zeroCopy: ASKING[way],
      interface: this.path.interface,
    };
    const { address, port } = this.path[protocol] as Endpoint;
    const socket =
      protocol === 'udp'
        ? await UdpSocket.open({
            ...common,
            remote: { address, port },
            segmentSize: this.assignment.segment,
          })
        : await TcpSocket.connect({ ...common, host: address, port });
    socket.on('error', () => {}); // the sender notices by the closing
    this.sockets.set(key, socket);
    return socket;
  }
}

/** Buffers that stay acquired and are sent over and over. */
class BufferSet {
  readonly all: PooledBuffer[] = [];
  private readonly pool: BufferPool;

  constructor(size: number, count: number) {
    this.pool = new BufferPool({
      bufferSize: size,
      count,
      init: (bytes, index) => void bytes.fill(index),
    });
    while (this.all.length < count) this.all.push(this.pool.tryAcquire() as PooledBuffer);
  }

  async close(): Promise<void> {
    for (const buffer of this.all) buffer[Symbol.dispose]();
    this.all.length = 0;
    await this.pool.close();
    collectGarbage();
  }
}

function collectGarbage(): void {
  (globalThis as { gc?: () => void }).gc?.();
}
