import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRig, type Receiver, type Rig, startReceiver } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { answerOf } from './run-program.js';
import {
  ALWAYS,
  type Call,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  type Errno,
  type Fault,
  MADV_DONTFORK,
  PACKET_QDISC_BYPASS,
  PACKET_TX_RING,
  PACKET_VERSION,
  PACKET_VNET_HDR,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  XDP_MMAP_OFFSETS,
  XDP_OPTIONS,
  XDP_TX_RING,
  XDP_UMEM_COMPLETION_RING,
  XDP_UMEM_FILL_RING,
  XDP_UMEM_REG,
} from './zerosend.mjs';

type Kind = 'packet' | 'xdp';
type Faults = Partial<Record<Call, Fault[]>>;

interface Case {
  name: string;
  faults: Faults;
  options?: object;
  end?: 'heal' | 'close' | 'abort' | 'wait';
  sends?: 'all' | 'batch' | 'packets';
}

/** A step of opening, with errors that the kernel answers for it. */
interface Step {
  call: Call;
  only?: number;
  skip?: number;
  errors: Errno[];
  syscall: string;
  options?: object;
}

const option = (name: string, only: number, errors: Errno[], options?: object): Step => ({
  call: 'setsockopt',
  only,
  errors,
  syscall: `setsockopt(${name})`,
  ...(options ? { options } : {}),
});
const ioctl: Step = { call: 'ioctl', errors: ['ENODEV', 'ENOTTY'], syscall: 'ioctl(SIOCGIFMTU)' };

const COMMON: Step[] = [
  {
    call: 'socket',
    errors: ['EMFILE', 'ENFILE', 'ENOBUFS', 'EPERM', 'EAFNOSUPPORT'],
    syscall: 'socket',
  },
  // The one that is asked for the MTU.
  { call: 'socket', skip: 1, errors: ['EMFILE', 'ENOMEM'], syscall: 'ioctl(SIOCGIFMTU)' },
  ioctl,
  { call: 'timerfd_create', errors: ['EMFILE', 'ENFILE', 'ENOMEM'], syscall: 'timerfd_create' },
  { call: 'epoll_ctl', only: EPOLL_CTL_ADD, errors: ['ENOSPC', 'ENOMEM'], syscall: 'epoll_ctl' },
];

const STEPS: Record<Kind, Step[]> = {
  packet: [
    ...COMMON,
    option('PACKET_VERSION', PACKET_VERSION, ['EINVAL', 'EBUSY']),
    option('PACKET_TX_RING', PACKET_TX_RING, ['ENOMEM', 'EINVAL', 'EBUSY']),
    option('PACKET_QDISC_BYPASS', PACKET_QDISC_BYPASS, ['ENOPROTOOPT'], { qdiscBypass: true }),
    option('PACKET_VNET_HDR', PACKET_VNET_HDR, ['EINVAL', 'EBUSY'], { virtioNetHeader: true }),
    { call: 'bind', errors: ['ENODEV', 'ENETDOWN', 'EINVAL', 'EADDRINUSE'], syscall: 'bind' },
    { call: 'mmap', errors: ['ENOMEM', 'EAGAIN', 'EINVAL'], syscall: 'mmap' },
  ],
  xdp: [
    ...COMMON,
    // The first time the pool is made, which can do without.
    {
      call: 'madvise',
      only: MADV_DONTFORK,
      skip: 1,
      errors: ['ENOMEM'],
      syscall: 'madvise(MADV_DONTFORK)',
    },
    option('XDP_UMEM_REG', XDP_UMEM_REG, ['ENOBUFS', 'ENOMEM', 'EINVAL']),
    option('XDP_UMEM_FILL_RING', XDP_UMEM_FILL_RING, ['ENOMEM', 'EINVAL']),
    option('XDP_UMEM_COMPLETION_RING', XDP_UMEM_COMPLETION_RING, ['ENOMEM', 'EINVAL']),
    option('XDP_TX_RING', XDP_TX_RING, ['ENOMEM', 'EINVAL']),
    {
      call: 'getsockopt',
      only: XDP_MMAP_OFFSETS,
      errors: ['EOPNOTSUPP', 'EINVAL'],
      syscall: 'getsockopt(XDP_MMAP_OFFSETS)',
    },
    {
      call: 'getsockopt',
      only: XDP_OPTIONS,
      errors: ['EOPNOTSUPP', 'EINVAL'],
      syscall: 'getsockopt(XDP_OPTIONS)',
    },
    // The first mapping is the pool's.
    { call: 'mmap', skip: 1, errors: ['ENOMEM', 'EAGAIN'], syscall: 'mmap' },
    { call: 'mmap', skip: 2, errors: ['ENOMEM', 'EAGAIN'], syscall: 'mmap' },
    { call: 'mmap', skip: 3, errors: ['ENOMEM', 'EAGAIN'], syscall: 'mmap' },
    { call: 'bind', errors: ['ENODEV', 'ENETDOWN', 'EPERM', 'EBUSY'], syscall: 'bind' },
  ],
};

/** ENOTSUP is what Node calls the number that the kernel calls EOPNOTSUPP. */
const named = (error: Errno) => (error === 'EOPNOTSUPP' ? 'ENOTSUP' : error);

function openCases(kind: Kind): { cases: Case[]; expected: Record<string, object> } {
  const cases: Case[] = [];
  const expected: Record<string, object> = {};
  for (const { call, only, skip, errors, syscall, options } of STEPS[kind]) {
    for (const error of errors) {
      const name = `${syscall}${skip === undefined ? '' : `, after ${skip}`}: ${error}`;
      // bind is tried with less, and again.
      const times = call === 'bind' ? ALWAYS : 1;
      const fault = { error, times, ...(only === undefined ? {} : { only }), skip: skip ?? 0 };
      cases.push({ name, faults: { [call]: [fault] }, ...(options ? { options } : {}) });
      expected[name] = { code: named(error), syscall, problems: [] };
    }
  }
  return { cases, expected };
}

const RUN_ERRORS: Errno[] = [
  'EAGAIN',
  'EBUSY',
  'ENOMEM',
  'ENOBUFS',
  'EINTR',
  'ENETDOWN',
  'EPERM',
  'EACCES',
  'EIO',
  'EINVAL',
  'EMSGSIZE',
];
const FATAL: Errno[] = ['ENXIO', 'ENODEV', 'EBADF'];
const SENT = 16;

describe('ring sockets, a call failing', await needsRig('veth'), () => {
  let rig: Rig;
  let receiver: Receiver;
  beforeAll(async () => {
    rig = await createRig('veth');
    const pair = ['numtxqueues', '64', 'type', 'veth', 'peer', 'name', 'zsq1'];
    await rig.sender.run('ip', ['link', 'add', 'zsq0', ...pair]);
    for (const name of ['zsq0', 'zsq1']) await rig.sender.run('ip', ['link', 'set', name, 'up']);
  });
  afterAll(() => rig?.dispose());

  // biome-ignore lint/suspicious/noExplicitAny: each case answers what it has seen
  type Results = Record<string, any>;

  /** Plays cases in one process; then everything that completed as sent has arrived once. */
  async function play(kind: Kind, argument: object): Promise<Results> {
    receiver = await startReceiver({ protocol: 'udp', seed: 3, namespace: rig.receiver });
    try {
      const { name } = rig.senderInterface;
      const place = { kind, interface: name, queues: 'zsq0', port: receiver.port, seed: 3 };
      const options = { prefix: rig.sender.prefix };
      const { results, delivered } = await answerOf<{ results: Results; delivered: number }>(
        'rings',
        { place, ...argument },
        options,
      );
      const arrived = await receiver.until(({ datagrams }) => datagrams >= delivered, {
        timeout: 5000,
      });
      expect(arrived).toMatchObject({ datagrams: delivered, duplicates: 0, wrongBytes: 0 });
      for (const [name, { struck }] of Object.entries(results)) {
        for (const [call, times] of Object.entries(struck)) {
          // Calls that only some of those cases make.
          if (/^(all at once|madvise|buffer)$/.test(name) && !/sendto|epoll/.test(call)) continue;
          expect(times, `${name}: ${call}`).toBeGreaterThan(0);
        }
      }
      return results;
    } finally {
      await receiver.stop();
    }
  }

  /** Plays runs, each of which comes to what `expected` says. */
  async function expectRuns(
    kind: Kind,
    runs: Case[],
    expected: (name: string) => object = () => ({}),
  ) {
    const run = await play(kind, { runs });
    for (const { name } of runs) {
      const all = { name, problems: [], ...expected(name) };
      expect({ name, ...run[name] }).toMatchObject(all);
    }
    return (name: string) => run[name];
  }

  describe.each(['packet', 'xdp'] as const)('%s', (kind) => {
    const how = kind === 'packet' ? 'zerocopy' : 'copied';
    const givenUp = kind === 'packet' ? 'aborted' : 'revoked';
    const tally = { [how]: SENT - 2, inline: 2 };
    const healed = { outcome: 'drained', errors: [], retired: 0, tally };

    it('while it is opened', async () => {
      const { cases, expected } = openCases(kind);
      const opened = await play(kind, { opens: cases });
      for (const { name } of cases) {
        expect({ name, ...opened[name] }).toMatchObject({ name, ...expected[name] });
      }
    });

    it('when sent to, for a while', async () => {
      const runs = RUN_ERRORS.flatMap((error): Case[] => [
        { name: `${error} once`, faults: { sendto: [{ error }] } },
        { name: `${error} a few times`, faults: { sendto: [{ skip: 1, error, times: 3 }] } },
        { name: `${error} each time`, faults: { sendto: [{ error, times: ALWAYS }] } },
      ]);
      const result = await expectRuns(kind, runs, () => ({ ...healed, refused: [] }));
      const counted = {
        noRoom: ['EAGAIN', 'ENOMEM', ...(kind === 'packet' ? ['EBUSY'] : [])],
        droppedFrames: kind === 'packet' ? [] : ['EBUSY'],
        refusedFrames: ['ENOBUFS'],
        linkDown: ['ENETDOWN'],
        softErrors: ['EPERM', 'EACCES', 'EIO', 'EMSGSIZE'],
      };
      for (const [counter, errors] of Object.entries(counted)) {
        for (const error of errors) {
          const { stats } = result(`${error} each time`);
          expect(stats[counter], error).toBeGreaterThan(2);
        }
      }
    });

    it.each(['close', 'abort'] as const)('when sent to, for ever: %s ends it', async (end) => {
      const runs = RUN_ERRORS.map((error): Case => {
        return { name: error, end, faults: { sendto: [{ error, times: ALWAYS }] } };
      });
      // Frames of the transmit ring that the kernel has not looked at are taken back. What a UMEM
      // holds cannot be.
      const ended =
        kind === 'packet'
          ? { outcome: 'aborted', tally: { failed: SENT }, retired: 0 }
          : { outcome: 'revoked', tally: { revoked: SENT }, retired: SENT };
      await expectRuns(kind, runs, () => ({ refused: [], errors: [], ...ended }));
    });

    // As a filter of system calls (seccomp) and a security module answer.
    it('when sent to, denied: an error ends it', async () => {
      const runs = (['EPERM', 'ENOSYS'] as const).map((error): Case => {
        return { name: error, end: 'wait', faults: { sendto: [{ error, times: ALWAYS }] } };
      });
      const tally = kind === 'packet' ? { failed: SENT } : { revoked: SENT };
      await expectRuns(kind, runs, (name) => ({
        refused: [],
        errors: [`send ${name}`],
        outcome: givenUp,
        tally,
      }));
    });

    it('when sent to, for good', async () => {
      const runs = FATAL.map((error): Case => {
        return { name: error, end: 'close', faults: { sendto: [{ error, times: ALWAYS }] } };
      });
      const result = await expectRuns(kind, runs, (name) => ({
        errors: [`send ${name}`],
        refused: ['ERR_ZEROSEND_SOCKET_CLOSED', ...(kind === 'packet' ? ['closed'] : [])],
        outcome: givenUp,
      }));
      for (const { name } of runs) {
        const ways = Object.keys(result(name).tally);
        expect(ways).toEqual([kind === 'packet' ? 'failed' : 'revoked']);
      }
    });

    it('in the middle of a batch, for good', async () => {
      const runs = FATAL.map((name): Case => {
        const sendto = [{ error: name, times: ALWAYS }];
        return { name, end: 'close', sends: 'batch', options: { frames: 128 }, faults: { sendto } };
      });
      await expectRuns(kind, runs, (name) => ({
        errors: [`send ${name}`],
        // The frames before the kick have their ids, so those behind it take theirs, and fail.
        tally: kind === 'packet' ? { failed: 100 } : { revoked: 64, failed: 36 },
        retired: kind === 'packet' ? 0 : 64,
      }));
    });

    it('of those that only wait', async () => {
      const runs: Case[] = [
        // Frames that wait, or nothing would be armed.
        {
          name: 'timer, once',
          faults: {
            sendto: [{ error: 'EAGAIN', times: 20 }],
            timerfd_settime: [{ error: 'ENOMEM' }],
          },
        },
        {
          name: 'epoll_wait',
          faults: {
            sendto: [{ error: 'EAGAIN', times: 20 }],
            epoll_wait: [{ error: 'EINTR', times: 50 }],
          },
        },
        {
          name: 'kicks and the timer',
          faults: {
            sendto: [{ error: 'EAGAIN', times: ALWAYS }],
            timerfd_settime: [{ error: 'ENOMEM', times: ALWAYS }],
          },
        },
      ];
      await expectRuns(kind, runs, () => healed);
    });

    it('of the timer, for good: the socket ends', async () => {
      const runs = (['EINVAL', 'EBADF'] as const).map((name): Case => {
        const sendto = [{ error: 'EAGAIN' as const, times: ALWAYS }];
        const timer = [{ error: name, times: ALWAYS }];
        return { name, end: 'close', faults: { sendto, timerfd_settime: timer } };
      });
      await expectRuns(kind, runs, (name) => ({ errors: [`send ${name}`], outcome: givenUp }));
    });

    it('of those that close it', async () => {
      const gone: Fault = { error: 'ENOENT', only: EPOLL_CTL_DEL, times: ALWAYS };
      const stuck: Fault = { error: 'EAGAIN', times: ALWAYS };
      const runs: Case[] = [
        { name: 'close', end: 'close', faults: { epoll_ctl: [gone] } },
        { name: 'abort', end: 'abort', faults: { epoll_ctl: [gone] } },
        {
          name: 'all at once',
          end: 'close',
          faults: {
            epoll_ctl: [gone],
            sendto: [stuck],
            timerfd_settime: [{ error: 'ENOMEM', times: ALWAYS }],
            getsockopt: [{ error: 'EIO', times: ALWAYS }],
            madvise: [{ error: 'ENOMEM', times: ALWAYS }],
            recvmsg: [{ error: 'EIO', times: ALWAYS }],
          },
        },
      ];
      const result = await expectRuns(kind, runs, () => ({ errors: [] }));
      expect(result('close').outcome).toBe('drained');
      expect(result('all at once').outcome).toBe(givenUp);
    });

    it('with ids past 2^32', async () => {
      const runs: Case[] = [
        { name: 'heals', faults: { sendto: [{ error: 'EAGAIN', times: ALWAYS }] } },
        { name: 'ends', end: 'abort', faults: { sendto: [{ error: 'EAGAIN', times: ALWAYS }] } },
      ];
      const run = await play(kind, { runs, firstIds: [2 ** 32 - 5, 2 ** 32 - 3] });
      expect(run.heals).toMatchObject({ problems: [], outcome: 'drained' });
      expect(run.ends).toMatchObject({ problems: [] });
    });
  });

  it('when packets out of several frames are sent', async () => {
    const options = { frames: 128 };
    const sendto = (error: Errno): Faults => ({ sendto: [{ error, times: ALWAYS }] });
    const heals = RUN_ERRORS.map((error): Case => {
      return { name: `${error} heals`, sends: 'packets', options, faults: sendto(error) };
    });
    const ends = (['abort', 'close'] as const).map((end): Case => {
      return { name: end, end, sends: 'packets', options, faults: sendto('EAGAIN') };
    });
    await expectRuns('xdp', [...heals, ...ends], (name) =>
      name.endsWith('heals')
        ? { outcome: 'drained', tally: { copied: 25 }, retired: 0 }
        : { outcome: 'revoked', tally: { revoked: 25 }, retired: 75 },
    );
  });

  it('opens a transmit ring without what it can do without', async () => {
    const opens: Case[] = [
      { name: 'forced', faults: { setsockopt: [{ error: 'EPERM', only: SO_SNDBUFFORCE }] } },
      { name: 'madvise', faults: { madvise: [{ error: 'EINVAL', times: ALWAYS }] } },
      { name: 'buffer', faults: { setsockopt: [{ error: 'ENOMEM', only: SO_SNDBUF }] } },
    ];
    const opened = await play('packet', { opens });
    for (const { name } of opens) {
      expect({ name, ...opened[name] }).toMatchObject({ name, code: 'drained', problems: [] });
    }
  });

  it('opens AF_XDP with what it is granted', async () => {
    const opens: Case[] = [
      // Zero copy with several frames and without; then copying with several frames, and without.
      { name: 'whole', faults: { bind: [{ error: 'EOPNOTSUPP', times: 2 }] } },
      { name: 'an old kernel', faults: { bind: [{ error: 'EINVAL', times: 3 }] } },
      { name: 'nothing', faults: { bind: [{ error: 'EINVAL', times: 4 }] } },
      { name: 'copy', options: { mode: 'copy' }, faults: { bind: [{ error: 'EINVAL' }] } },
      { name: 'busy', faults: { bind: [{ error: 'EBUSY', times: 5 }] } },
      // Not a reason to ask for less: it is free a moment later.
      { name: 'busy once', faults: { bind: [{ skip: 2, error: 'EBUSY' }] } },
    ];
    const results = await play('xdp', { opens });
    const several = { granted: true, maxFrames: 17, maxLength: 1518 };
    const one = { granted: false, maxFrames: 1, reason: 'bind(XDP_USE_SG): EINVAL' };
    const about = (multiFrame: object) => ({ code: 'drained', about: { xdp: { multiFrame } } });
    expect(results.whole).toMatchObject({ ...about(several), problems: [] });
    expect(results['an old kernel']).toMatchObject({ ...about(one), problems: [] });
    expect(results.nothing).toMatchObject({ code: 'EINVAL', syscall: 'bind', problems: [] });
    expect(results.copy).toMatchObject({ ...about(one), problems: [] });
    expect(results.busy).toMatchObject({ ...about(several), problems: [] });
    expect(results['busy once']).toMatchObject({ ...about(several), problems: [] });
  });
});
