// Findings about what the machines that tests run on have not got.
import { describe, expect, it } from 'vitest';
import { judgeInterfaces } from '../../../../lib/cli/doctor/judge/interfaces.js';
import { judgeLimits } from '../../../../lib/cli/doctor/judge/limits.js';
import { judgeInet } from '../../../../lib/cli/doctor/judge/mechanisms.js';
import { judgeRings } from '../../../../lib/cli/doctor/judge/rings.js';
import { coreWorks, judgeZeroCopy } from '../../../../lib/cli/doctor/judge/zero-copy.js';
import type { Attempts } from '../../../../lib/cli/doctor/probes/run.js';
import { deviceOf, type Machine, statusOf, subjectOf } from './machine.js';

const refusal = (code: string, syscall = 'socket') => ({
  error: { code, syscall, message: `${syscall} ${code}` },
  data: {},
});
const COMPLETED = { data: { how: 'zerocopy', bytes: 16_384, kernelIds: 1, notifications: 1 } };

describe('the core', () => {
  const core = (attempts: Attempts) => coreWorks(judgeZeroCopy(subjectOf(attempts)));
  const done = (name: keyof Attempts): Attempts => ({ [name]: COMPLETED });
  const [tcp4, udp4] = [done('tcp4-zerocopy'), done('udp4-zerocopy')];
  const [tcp6, udp6] = [done('tcp6-zerocopy'), done('udp6-zerocopy')];

  it('works by one family, if it does for TCP and UDP', () => {
    expect(core({ ...tcp4, ...udp4 })).toBe(true);
    expect(core({ ...tcp6, ...udp6 })).toBe(true);
    expect(core({ ...tcp4, ...udp6 })).toBe(false);
    expect(core({ ...tcp4 })).toBe(false);
    expect(core({})).toBe(false);
  });
});

describe('zero copy', () => {
  const udp4 = (attempt: Attempts['udp4-zerocopy'], machine?: Machine) =>
    judgeZeroCopy(
      subjectOf({ 'udp4-zerocopy': attempt as NonNullable<typeof attempt> }, machine),
    )[1];

  it('that nobody completed works no better than none', () => {
    const error = { code: 'ETIMEDOUT', message: 'nothing came of it within 4 seconds' };
    expect(udp4({ error, data: {} })).toMatchObject({ verdict: 'fails', error });
  });

  it('that a kernel does not know is not blamed on a filter', () => {
    const reason = 'setsockopt(SO_ZEROCOPY): ENOPROTOOPT';
    const found = udp4({ data: { how: 'inline', bytes: 16_384, noBuffers: 0, reason } });
    expect(found).toMatchObject({
      verdict: 'fails',
      summary: reason,
      error: { code: 'ENOPROTOOPT' },
    });
    expect(found?.means).toContain('The kernel is built without it');
    const gvisor = { release: '4.19.0-gvisor' };
    expect(udp4({ data: { how: 'inline', reason } }, gvisor)?.means).toContain('gVisor');
  });

  it('that is denied without a filter is denied by somebody else', () => {
    expect(udp4(refusal('EPERM', 'sendto'))?.means).toContain('a firewall rule');
  });
});

describe('what sockets can do besides', () => {
  const found = (attempts: Attempts, id: string) =>
    judgeInet(subjectOf(attempts)).find((one) => one.id === id);

  it('a device that cannot cut', () => {
    const data = { whole: false, reason: 'UDP_SEGMENT was answered with EIO', datagrams: 5 };
    expect(found({ 'udp-gso': { data } }, 'udp-gso')).toMatchObject({
      ...{ verdict: 'limited', means: data.reason },
    });
  });

  it('a rate that is taken and not kept', () => {
    const attempts = { 'tcp-pacing': { data: { asked: 1000, granted: null } } };
    expect(found(attempts, 'tcp-pacing')).toMatchObject({ verdict: 'fails' });
  });

  it('timestamps that are refused', () => {
    const attempts = { timestamps: { data: { option: 'refused: EINVAL' } } };
    expect(found(attempts, 'timestamps')).toMatchObject({
      ...{ verdict: 'fails', error: { code: 'EINVAL', syscall: 'setsockopt(SO_TIMESTAMPING)' } },
    });
  });
});

describe('rings', () => {
  const found = (attempts: Attempts, machine: Machine = {}) =>
    judgeRings(subjectOf(attempts, machine));

  it('a kernel without AF_XDP', () => {
    const [, xdp] = found({ 'af-xdp': refusal('EAFNOSUPPORT') });
    expect(xdp).toMatchObject({ verdict: 'fails', error: { code: 'EAFNOSUPPORT' } });
    expect(xdp?.means).toContain('The kernel is built without it');
  });

  it('a capability that is there, without a filter: a security module', () => {
    const [ring] = found({ 'packet-ring': refusal('EACCES') });
    expect(ring?.means).toContain('a security module');
  });

  it('ENOSYS is no answer of the kernel where there is a filter', () => {
    const files = statusOf('0', '0', 'NoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n');
    const [ring] = found({ 'packet-ring': refusal('ENOSYS') }, { files });
    expect(ring?.means).toContain('seccomp');
  });
});

describe('limits', () => {
  const found = (id: string, attempts: Attempts, machine: Machine = {}) =>
    judgeLimits(subjectOf(attempts, machine)).find((one) => one.id === id);

  it('a send buffer that is cut', () => {
    const cut = { 'udp4-zerocopy': { data: { sendBufferSize: 425_984 } } };
    const limited = found('wmem-max', cut);
    expect(limited).toMatchObject({
      verdict: 'limited',
      data: { wmemMax: 212_992, granted: 425_984 },
    });
    expect(limited?.remedies?.[0]?.type).toBe('sudo sysctl -w net.core.wmem_max=4194304');
    const whole = { 'udp4-zerocopy': { data: { sendBufferSize: 8_388_608 } } };
    expect(found('wmem-max', whole)).toMatchObject({ verdict: 'works' });
    expect(found('wmem-max', {})).toMatchObject({ verdict: 'fact' });
  });

  it('huge pages that are switched off', () => {
    const none = {
      'transparent-huge-pages': { data: { bytes: 2 ** 23, hugeBytes: 0, hugePageErrno: 0 } },
    };
    const files = { '/sys/kernel/mm/transparent_hugepage/enabled': 'always madvise [never]\n' };
    const never = found('transparent-huge-pages', none, { files });
    expect(never).toMatchObject({ verdict: 'limited', data: { setting: 'never' } });
    expect(never?.remedies?.[0]?.type).toContain('echo madvise | sudo tee');
    const scarce = { '/sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n' };
    expect(found('transparent-huge-pages', none, { files: scarce })?.remedies).toEqual([]);
  });

  it('reserved huge pages that are there', () => {
    const files = { '/proc/sys/vm/nr_hugepages': '64\n' };
    const attempts = { 'reserved-huge-pages': { data: { bytes: 2 ** 21 } } };
    expect(found('reserved-huge-pages', attempts, { files })).toMatchObject({
      ...{ verdict: 'works', data: { reserved: 64 } },
    });
  });
});

describe('interfaces', () => {
  const found = (attempts: Attempts, device = deviceOf(), only?: string) =>
    judgeInterfaces(subjectOf(attempts, {}, [device]), only);

  it('fq keeps a rate of UDP', () => {
    const [nic] = found({ 'udp-pacing:eth0': { data: { granted: 1e9 } } });
    expect(nic).toMatchObject({
      ...{ verdict: 'fact', data: { udpPacing: true, qdisc: 'mq', leafQdiscs: 'fq' } },
    });
    expect(nic?.summary).toContain('qdisc mq (fq)');
  });

  it('offer timestamps by the device', () => {
    expect(found({})[0]?.data).toMatchObject({ timestamps: ['software', 'hardware'] });
    expect(found({}, deviceOf({ stamping: 16 }))[0]?.data).toMatchObject({ timestamps: [] });
  });

  it('a tunnel copies for its program, and an XDP program is told of', () => {
    const [tun] = found({}, deviceOf({ name: 'tun0', kind: 'tun', xdpMode: 2 }));
    expect(tun).toMatchObject({
      verdict: 'limited',
      data: { copies: ['tunnel'], xdpProgram: 'generic' },
    });
  });

  it('checksums of one family of addresses are enough', () => {
    const features = { 'tx-scatter-gather': true, 'tx-checksum-ipv4': true };
    expect(found({}, deviceOf({ features }))[0]?.data).toMatchObject({ copies: [] });
  });

  it('AF_XDP in zero-copy mode, in copy mode, and not at all', () => {
    const xdp = (data: object) => {
      const attempts = { 'xdp:eth0': { data }, 'packet:eth0': { data: { maxSendLength: 1518 } } };
      return found(attempts as Attempts, deviceOf(), 'eth0').at(-1);
    };
    const denied = { granted: false, error: { code: 'ENOTSUP', syscall: 'bind', message: 'no' } };
    const busy = { granted: false, error: { code: 'EBUSY', syscall: 'bind', message: 'in use' } };
    expect(xdp({ copy: { granted: true }, zerocopy: { granted: true } })).toMatchObject({
      ...{ verdict: 'works', data: { zerocopy: true } },
    });
    expect(xdp({ copy: { granted: true }, zerocopy: denied })).toMatchObject({
      ...{ verdict: 'limited', error: { code: 'ENOTSUP' } },
    });
    expect(xdp({ copy: busy, zerocopy: busy })).toMatchObject({
      ...{ verdict: 'fails', error: { code: 'EBUSY' }, means: 'Another socket uses it.' },
    });
  });
});
