import { afterEach, describe, expect, it } from 'vitest';
import { clearFaultsAfterEach, sharedTcpReceiver } from './peers.js';
import { openDescriptors } from './sender.mjs';
import {
  type Call,
  type Errno,
  faults,
  inject,
  SO_MAX_PACING_RATE,
  setQdiscKind,
  TcpSocket,
  UdpSocket,
} from './zerosend.mjs';

const RATE = 2_000_000;
const REMOTE = { address: '127.0.0.1', port: 9 };

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();
afterEach(() => setQdiscKind(''));

describe('maxPacingRate of UDP', () => {
  it.each([
    ['of the route', { remote: REMOTE }],
    ['that it is bound to', { remote: REMOTE, interface: 'lo' }],
    ['of the route, IPv6', { remote: { address: '::1', port: 9 } }],
    ['of the route, IPv4 written as IPv6', { remote: { address: '::ffff:127.0.0.1', port: 9 } }],
  ])('is passed on where the interface %s has fq', async (_, options) => {
    setQdiscKind('fq');
    const before = openDescriptors();
    const socket = await UdpSocket.open({ ...options, maxPacingRate: RATE });
    expect(socket.info().maxPacingRate).toBe(RATE);
    await socket.close();
    expect(openDescriptors()).toBe(before);
  });

  it.each(['fq_codel', 'pfifo', 'f'])('is refused where it has %s', async (kind) => {
    // As long as the real one's name, which it is written over.
    setQdiscKind(kind);
    const known = kind.slice(0, 'noqueue'.length);
    await expect(UdpSocket.open({ remote: REMOTE, maxPacingRate: RATE })).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_PACING_UNSUPPORTED',
      interface: 'lo',
      qdisc: known,
      message: expect.stringContaining(`has ${known}`),
    });
  });

  const cases: [Call, number, Errno, string][] = [
    ['socket', 0, 'EMFILE', 'netlink(RTM_GETROUTE)'],
    ['socket', 1, 'ENFILE', 'netlink(RTM_GETQDISC)'],
    ['sendto', 0, 'ENOBUFS', 'netlink(RTM_GETROUTE)'],
    ['sendto', 1, 'EPERM', 'netlink(RTM_GETQDISC)'],
    ['recv', 0, 'ENOBUFS', 'netlink(RTM_GETROUTE)'],
    ['recv', 0, 'EAGAIN', 'netlink(RTM_GETROUTE)'],
    ['recv', 1, 'ENOMEM', 'netlink(RTM_GETQDISC)'],
  ];
  it.each(cases)('%s, after %i, fails with %s', async (call, skip, error, syscall) => {
    setQdiscKind('fq');
    const before = openDescriptors();
    inject(call, { skip, error });
    const opening = UdpSocket.open({ remote: REMOTE, maxPacingRate: RATE });
    await expect(opening).rejects.toMatchObject({ code: error, syscall });
    expect(faults(call).struck).toBe(1);
    expect(openDescriptors()).toBe(before);
  });

  it.each(['sendto', 'recv'] as const)('%s is made again after a signal', async (call) => {
    setQdiscKind('fq');
    inject(call, { error: 'EINTR', times: 20 });
    const socket = await UdpSocket.open({ remote: REMOTE, maxPacingRate: RATE });
    expect(faults(call).struck).toBe(20);
    await socket.close();
  });
});

describe.each(['tcp', 'udp'] as const)('%s', (protocol) => {
  it.each(['ENOPROTOOPT', 'EINVAL'] as const)('SO_MAX_PACING_RATE fails with %s', async (error) => {
    setQdiscKind('fq');
    const { port } = tcp.current;
    const before = openDescriptors();
    inject('setsockopt', { error, only: SO_MAX_PACING_RATE });
    const opening =
      protocol === 'tcp'
        ? TcpSocket.connect({ host: '127.0.0.1', port, maxPacingRate: RATE })
        : UdpSocket.open({ remote: REMOTE, maxPacingRate: RATE });
    const syscall = 'setsockopt(SO_MAX_PACING_RATE)';
    await expect(opening).rejects.toMatchObject({ code: error, syscall });
    expect(openDescriptors()).toBe(before);
  });
});
