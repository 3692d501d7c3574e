import { afterAll, describe, expect, it } from 'vitest';
import type { BufferPool as Pool } from 'zerosend';
import { type Receiver, startReceiver } from '../../rig/index.mjs';
import { byThread } from './handed-over.mjs';
import { clearFaultsAfterEach, sharedTcpReceiver } from './peers.js';
import { arrived, openDescriptors, pause, Sender, within } from './sender.mjs';
import {
  BufferPool,
  type Call,
  clearFaults,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  type Errno,
  type Fault,
  faults,
  inject,
  MSG_ZEROCOPY,
  SO_ERROR,
} from './zerosend.mjs';

const ROUNDS = 120;
const ACTIONS = 50;
const first = Number(process.env.ZEROSEND_SEED ?? Date.now() % 2 ** 31);

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

/** xorshift32: the same numbers for the same seed. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) | 1;
  }
  /** A whole number below `limit`. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
  chance(share: number): boolean {
    return this.below(1000) < share * 1000;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

const TRANSIENT: Errno[] = ['EINTR', 'EAGAIN', 'ENOMEM', 'ENOBUFS'];
const FATAL: Errno[] = ['EPIPE', 'ECONNRESET', 'EIO', 'ETIMEDOUT'];
const OWN_FAULT: Errno[] = ['EFAULT', 'EINVAL', 'EPERM', 'EMSGSIZE'];
const SOFT: Errno[] = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'];

/** What a send of a user may be refused with. */
const REFUSALS: ReadonlySet<string> = new Set([
  ...FATAL,
  ...OWN_FAULT,
  ...SOFT,
  'ERR_ZEROSEND_QUEUE_FULL',
  'ERR_ZEROSEND_SOCKET_CLOSED',
  'ERR_ZEROSEND_DATAGRAM_TOO_LONG',
  'ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL',
]);

/** A list of faults, with calls that work in between. */
function script(random: Random, share: number, make: () => Fault): Fault[] {
  if (share === 0) return [];
  const mostly = Math.ceil(2 / share);
  return Array.from({ length: 60 }, () => ({
    ...make(),
    skip: random.below(mostly),
    times: 1 + random.below(random.chance(0.1) ? 300 : 2),
  }));
}

/** Chooses what fails in a round, of all calls at once; `cutting`: completions get lost. */
function plan(
  random: Random,
  protocol: 'tcp' | 'udp',
  cutting: boolean,
): Partial<Record<Call, Fault[]>> {
  const share = () => (random.chance(0.3) ? 0 : random.below(30) / 100);
  const deadly = random.chance(0.2);
  const send = (): Fault => {
    if (protocol === 'tcp' && random.chance(0.4)) return { limit: 0 };
    if (deadly && random.chance(0.1)) return { error: random.pick(FATAL) };
    if (protocol === 'udp' && random.chance(0.2)) return { error: random.pick(SOFT) };
    if (random.chance(0.05)) return { error: random.pick(OWN_FAULT) };
    const error = random.pick(TRANSIENT);
    return error === 'ENOBUFS' && random.chance(0.7) ? { error, only: MSG_ZEROCOPY } : { error };
  };
  const revoking = random.chance(0.3);
  return {
    sendto: script(random, share(), send),
    sendmmsg: script(random, share(), () =>
      random.chance(0.5)
        ? {
            limit: 1 + random.below(4),
            ...(protocol === 'tcp' ? { bytes: 1 + random.below(99) } : {}),
          }
        : send(),
    ),
    recvmsg: script(random, share(), () =>
      cutting && random.chance(0.2)
        ? { limit: random.below(48) }
        : { error: random.pick(['EINTR', 'EAGAIN', 'ENOMEM', 'EIO']) },
    ),
    recv: script(random, share(), () => ({ error: random.pick(['EINTR', 'EAGAIN']) })),
    epoll_wait: script(random, share(), () => ({ error: random.pick(['EINTR', 'EINVAL']) })),
    epoll_ctl: deadly
      ? [
          {
            only: random.pick([EPOLL_CTL_ADD, EPOLL_CTL_MOD]),
            skip: random.below(40),
            error: 'ENOMEM',
          },
        ]
      : [],
    getsockopt: script(random, deadly ? 0.1 : 0, () => ({ error: 'EIO', only: SO_ERROR })),
    shutdown: script(random, share(), () => ({ error: 'ENOTCONN' })),
    madvise: script(random, share(), () => ({ error: 'ENOMEM' })),
    ...(revoking
      ? {
          connect: [{ error: 'ENOMEM' as const, times: 5 }],
          mmap: script(random, share(), () => ({ error: 'ENOMEM' })),
          remap: script(random, share(), () => ({ error: 'ENOMEM' })),
          clone_process: script(random, share(), () => ({ error: 'EAGAIN' })),
        }
      : {}),
  };
}

/** One action of a user; answers what should not have happened. */
async function act(random: Random, sender: Sender, longest: number): Promise<string | null> {
  const { socket, pool } = sender;
  const length = 16 + random.below(random.chance(0.5) ? 200 : longest - 16);
  let result = 'accepted';
  switch (random.below(8)) {
    case 0:
      socket.poll();
      break;
    case 1:
      await pause(random.below(3));
      break;
    case 2:
      result = sender.sendPlain(length);
      break;
    case 3:
      if (pool.free < 6) socket.poll();
      else result = sender.sendMany([length, 20, 300, 16 + random.below(1000)]);
      break;
    case 4:
      await socket.flush({ signal: AbortSignal.timeout(3) }).catch(() => {});
      break;
    default:
      if (pool.free > 0) result = sender.send(length);
      else await pause(1);
  }
  return result === 'accepted' || REFUSALS.has(result) ? null : `refused with ${result}`;
}

const struck = new Map<Call, number>();
let pool: Pool | undefined;
let datagrams: Receiver | undefined;
afterAll(() => datagrams?.stop());

/** A pool that earlier rounds have used, for as long as enough of it is left. */
function usedPool(verify: boolean): Pool {
  if (pool !== undefined && pool.free >= 16 && !verify) return pool;
  pool = new BufferPool({ bufferSize: 65_536, count: 24, hugePages: 'none', verify });
  return pool;
}

async function playRound(seed: number): Promise<string[]> {
  const random = new Random(seed);
  const protocol = random.chance(0.7) ? 'tcp' : 'udp';
  datagrams ??= await startReceiver({ protocol: 'udp', seed: 'any' });
  const receiver = protocol === 'tcp' ? tcp.current : datagrams;
  const before = openDescriptors();
  const options = {
    zeroCopy: random.pick(['always', 'auto'] as const),
    zeroCopyThreshold: 100,
    maxQueuedSends: 4 + random.below(60),
  };
  const sender = await Sender.open(protocol, receiver, options, usedPool(random.chance(0.2)));
  clearFaults(seed);
  const cutting = random.chance(0.15);
  const faultsOfRound = Object.entries(plan(random, protocol, cutting)) as [Call, Fault[]][];
  for (const [call, list] of faultsOfRound) inject(call, ...list);
  const problems: string[] = [];
  const longest = protocol === 'tcp' ? 65_536 : 1400;
  for (let i = 0; i < ACTIONS; i++) {
    const problem = await act(random, sender, longest);
    if (problem !== null) problems.push(problem);
  }
  const heals = !cutting && random.chance(0.6);
  const count = () => {
    for (const [call] of faultsOfRound) {
      struck.set(call, (struck.get(call) ?? 0) + faults(call).struck);
    }
    clearFaults();
  };
  // When everything works again, every id has to complete by itself.
  if (heals) {
    count();
    await sender.flushed();
  }
  const ending =
    !heals && random.chance(0.3)
      ? sender.socket.abort()
      : sender.socket.close({ timeout: heals ? 5000 : 20 + random.below(100) });
  const report = await within(ending, 'the end of the socket', 6000);
  if (!heals) count();
  if (heals && report.outcome === 'revoked') problems.push(JSON.stringify(report));
  problems.push(...sender.books.audit([sender.pool]));
  if (openDescriptors() !== before) problems.push(`${openDescriptors() - before} descriptors more`);
  if (protocol === 'tcp') {
    const all = report.outcome === 'drained' ? sender.position : 0;
    const { got, wrong } = await arrived(receiver, 'tcp', sender.seed, all);
    if (wrong > 0) problems.push(`${wrong} bytes are wrong`);
    if (got > sender.position || got < all) problems.push(`${got} of ${sender.position} bytes`);
  }
  // Published to a socket that has ended meanwhile, a send fails with the code of that.
  const ended = byThread ? `refused with ${sender.books.errors[0]?.code}` : null;
  return problems
    .filter((problem) => problem !== ended)
    .map((problem) => `${protocol}: ${problem}`);
}

describe('everything fails now and then', () => {
  it(`rounds from ZEROSEND_SEED=${first}`, { timeout: 60_000 }, async () => {
    for (let seed = first; seed < first + ROUNDS; seed++) {
      // To see that round again, and first: ZEROSEND_SEED=<seed> npm test -- test/faults/random
      const problems = await playRound(seed).catch((error: Error) => [error.message]);
      expect(problems, `ZEROSEND_SEED=${seed}`).toEqual([]);
    }
    const report = await datagrams?.report();
    expect(report).toMatchObject({ wrongBytes: 0, corrupt: 0, duplicates: 0 });
    // They were met, and often.
    for (const call of ['sendto', 'sendmmsg', 'recvmsg', 'epoll_wait'] as const) {
      expect(struck.get(call), call).toBeGreaterThan(20);
    }
  });
});
