import { describe, expect, it } from 'vitest';
import type { CodedError } from 'zerosend';
import { clearFaultsAfterEach, sharedTcpReceiver, withReceiver } from './peers.js';
import { openDescriptors, pause, Sender } from './sender.mjs';
import {
  ALWAYS,
  type Call,
  clearFaults,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  type Fault,
  faults,
  inject,
  MSG_ZEROCOPY,
  SO_BINDTODEVICE,
  SO_ERROR,
  SO_MARK,
  SO_PRIORITY,
  SO_SNDBUF,
  SO_ZEROCOPY,
  TCP_NODELAY,
  TcpSocket,
  UDP_SEGMENT,
  UdpSocket,
} from './zerosend.mjs';

type Errno = NonNullable<Fault['error']>;

/** A step of opening, with the errors that the manual pages name for it. */
interface Step {
  call: Call;
  only?: number;
  errors: Errno[];
  syscall: string;
}

const COMMON: Step[] = [
  {
    call: 'socket',
    errors: ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EACCES', 'EAFNOSUPPORT'],
    syscall: 'socket',
  },
  {
    call: 'setsockopt',
    only: SO_BINDTODEVICE,
    errors: ['EPERM', 'ENODEV'],
    syscall: 'setsockopt(SO_BINDTODEVICE)',
  },
  {
    call: 'setsockopt',
    only: SO_SNDBUF,
    errors: ['EPERM', 'ENOMEM'],
    syscall: 'setsockopt(SO_SNDBUF)',
  },
  {
    call: 'connect',
    errors: ['ENETUNREACH', 'EADDRNOTAVAIL', 'EACCES', 'EPERM', 'EAGAIN', 'ECONNREFUSED'],
    syscall: 'connect',
  },
];
const TCP_ONLY: Step[] = [
  {
    call: 'epoll_ctl',
    only: EPOLL_CTL_ADD,
    errors: ['ENOSPC', 'ENOMEM', 'EPERM'],
    syscall: 'epoll_ctl',
  },
  {
    call: 'setsockopt',
    only: TCP_NODELAY,
    errors: ['ENOPROTOOPT', 'EINVAL'],
    syscall: 'setsockopt(TCP_NODELAY)',
  },
  // How an attempt that was begun has ended.
  { call: 'getsockopt', only: SO_ERROR, errors: ['EIO', 'ENOMEM', 'EBADF'], syscall: 'connect' },
];
const UDP_ONLY: Step[] = [
  {
    call: 'setsockopt',
    only: UDP_SEGMENT,
    errors: ['ENOPROTOOPT', 'EINVAL', 'EIO'],
    syscall: 'setsockopt(UDP_SEGMENT)',
  },
  { call: 'bind', errors: ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOMEM'], syscall: 'bind' },
];

const tcp = sharedTcpReceiver({ warm: false });
clearFaultsAfterEach();

function open(protocol: 'tcp' | 'udp', port: number) {
  const options = { interface: 'lo', sendBufferSize: 100_000 };
  return protocol === 'tcp'
    ? TcpSocket.connect({ ...options, host: '127.0.0.1', port })
    : UdpSocket.open({
        ...options,
        segmentSize: 1000,
        address: '127.0.0.1',
        remote: { address: '127.0.0.1', port },
      });
}

async function expectWorking(sender: Sender): Promise<void> {
  for (let i = 0; i < 3; i++) expect(sender.send(9000)).toBe('accepted');
  await sender.flushed();
  expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
}

// First in this file: the poller starts with the first socket of the process.
it('a poller that cannot start is tried again by the next open', async () => {
  const before = openDescriptors();
  const steps: [Call, Fault[]][] = [
    ['epoll_create1', [{ error: 'EMFILE' }, { error: 'ENFILE' }, { error: 'ENOMEM' }]],
    ['eventfd', [{ error: 'EMFILE' }, { error: 'ENFILE' }, { error: 'ENOMEM' }]],
    ['epoll_ctl', [{ error: 'ENOSPC' }, { error: 'ENOMEM' }]],
  ];
  for (const [call, variants] of steps) {
    for (const fault of variants) {
      inject(call, fault);
      await expect(open('udp', 9)).rejects.toMatchObject({ code: fault.error });
      expect(faults(call).struck).toBe(1);
      expect(openDescriptors()).toBe(before);
    }
  }
  await expectWorking(await Sender.tcp(tcp.current));
  // The poller itself has stayed.
  expect(openDescriptors()).toBe(before + 2);
});

it('a connect that a signal interrupts is made again', async () => {
  inject('connect', { error: 'EINTR', times: 20 });
  const sender = await Sender.tcp(tcp.current);
  expect(faults('connect').struck).toBe(20);
  await expectWorking(sender);
});

describe.each(['tcp', 'udp'] as const)('%s', (protocol) => {
  const steps = [...COMMON, ...(protocol === 'tcp' ? TCP_ONLY : UDP_ONLY)];
  const cases = steps.flatMap(({ errors, ...step }) => errors.map((error) => ({ ...step, error })));

  it.each(cases)('$syscall fails with $error', async ({ call, only, error, syscall }) => {
    const { port } = tcp.current;
    const before = openDescriptors();
    inject(call, { error, ...(only === undefined ? {} : { only }) });
    const failure: CodedError = await open(protocol, port).then(
      () => new Error('was opened') as CodedError,
      (reason) => reason,
    );
    expect(failure).toMatchObject({ code: error, syscall });
    expect(failure.errno).toBeLessThan(0);
    expect(faults(call).struck).toBe(1);
    expect(openDescriptors()).toBe(before);
    const socket = await open(protocol, port);
    await expect(socket.close()).resolves.toMatchObject({ outcome: 'drained', ids: 0 });
    expect(openDescriptors()).toBe(before);
  });

  it.each(['ENOTSUP', 'EPERM', 'ENOPROTOOPT', 'EINVAL'] as const)(
    'without SO_ZEROCOPY (%s) it copies, and says why',
    (error) =>
      withReceiver(protocol, tcp, async (receiver) => {
        inject('setsockopt', { error, only: SO_ZEROCOPY });
        const sender = await Sender.open(protocol, receiver, { zeroCopy: 'always' });
        const reason = `setsockopt(SO_ZEROCOPY): ${error}`;
        expect(sender.socket.info().zeroCopy).toMatchObject({ active: false, reason });
        // A send with the flag would be taken without an id, and never complete.
        inject('sendto', { error: 'EIO', only: MSG_ZEROCOPY, times: ALWAYS });
        inject('sendmmsg', { error: 'EIO', only: MSG_ZEROCOPY, times: ALWAYS });
        for (let i = 0; i < 20; i++) expect(sender.send(20_000)).toBe('accepted');
        expect(sender.sendMany([20_000, 30_000, 100])).toBe('accepted');
        await sender.flushed();
        expect(faults('sendto').struck + faults('sendmmsg').struck).toBe(0);
        expect(sender.socket.stats()).toMatchObject({ inlined: 23, kernelIds: 0 });
        expect(await sender.finish()).toMatchObject({ problems: [] });
      }),
  );

  it('info() leaves out what the kernel does not tell', async () => {
    const socket = await open(protocol, tcp.current.port);
    expect(socket.info().sendBufferSize).toBeGreaterThan(0);
    socket.on('error', () => {}); // asking for SO_ERROR fails, too, if there is reason to ask
    inject('getsockopt', { error: 'EIO', times: ALWAYS });
    const info = socket.info();
    clearFaults();
    await socket.close();
    expect(info).toMatchObject({ sendBufferSize: undefined, mtu: undefined });
  });

  it('a descriptor is closed although epoll does not let it go', async () => {
    const before = openDescriptors();
    const socket = await open(protocol, tcp.current.port);
    inject('recvmsg', { error: 'EAGAIN', times: ALWAYS }); // something to wait for
    inject('connect', { error: 'EIO' });
    socket.send(Buffer.alloc(20_000));
    await pause(20);
    inject('epoll_ctl', { error: 'ENOENT', only: EPOLL_CTL_DEL, times: ALWAYS });
    await socket.abort();
    expect(faults('epoll_ctl').struck).toBeGreaterThan(0);
    expect(openDescriptors()).toBe(before);
  });
});

describe('an option that needs a privilege', () => {
  it.each([
    ['mark', SO_MARK, 'SO_MARK', 'CAP_NET_ADMIN'],
    ['priority', SO_PRIORITY, 'SO_PRIORITY', 'CAP_NET_ADMIN'],
  ] as const)('%s: is refused with what it needs', async (name, only, option, needed) => {
    const before = openDescriptors();
    const expected = {
      code: 'EPERM',
      syscall: `setsockopt(${option})`,
      message: expect.stringContaining(needed),
    };
    inject('setsockopt', { error: 'EPERM', only });
    await expect(UdpSocket.open({ [name]: 7 })).rejects.toMatchObject(expected);
    expect(openDescriptors()).toBe(before);
    const socket = await UdpSocket.open();
    inject('setsockopt', { error: 'EPERM', only });
    expect(() => socket.setOption(name, 7)).toThrow(expect.objectContaining(expected));
    expect(socket.info().settings?.[name]).toBe(0);
    await socket.close();
  });
});
