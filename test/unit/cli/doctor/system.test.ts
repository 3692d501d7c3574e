// What is read of machines that the tests do not run on.
import { describe, expect, it } from 'vitest';
import { judgeSystem } from '../../../../lib/cli/doctor/judge/system.js';
import { statusOf, subjectOf, systemOf } from './machine.js';

describe('containers', () => {
  it.each([
    ['docker', { '/.dockerenv': '' }, {}],
    ['docker', { '/proc/self/cgroup': '12:cpu:/docker/0123456789ab\n' }, {}],
    ['docker', { '/proc/self/cgroup': '0::/system.slice/docker-0123456789ab.scope\n' }, {}],
    ['podman', { '/run/.containerenv': '' }, {}],
    ['podman', { '/proc/self/cgroup': '0::/machine.slice/libpod-0123.scope\n' }, {}],
    ['kubernetes', { '/.dockerenv': '' }, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }],
    ['kubernetes', { '/proc/self/cgroup': '0::/kubepods.slice/kubepods-burstable.slice\n' }, {}],
    ['lxc', {}, { container: 'lxc' }],
    ['systemd-nspawn', {}, { container: 'systemd-nspawn' }],
    ['another', { '/run/systemd/container': 'rkt\n' }, {}],
  ] as const)('%s: %j %j', (kind, files, env) => {
    const { container } = systemOf({ files, env });
    expect(container?.kind).toBe(kind);
    expect(container?.evidence.length).toBeGreaterThan(0);
  });

  it.each(['0::/user.slice', '0::/system.slice/dockerd.service', '1:name=systemd:/lxcfs'])(
    'none: %s',
    (line) => {
      expect(systemOf({ files: { '/proc/self/cgroup': `${line}\n` } }).container).toBe(undefined);
    },
  );
});

describe('privileges', () => {
  it('are those of the masks', () => {
    const { privileges } = systemOf({
      files: statusOf('0000000000003000', '0000000000001000'),
      uid: 7,
    });
    expect(privileges).toEqual({
      uid: 7,
      effective: ['CAP_NET_ADMIN', 'CAP_NET_RAW'],
      bounding: ['CAP_NET_ADMIN'],
      noNewPrivileges: false,
      inUserNamespace: false,
      seccompFilters: 0,
    });
  });

  it('hold within a user namespace where users are mapped', () => {
    const files = { '/proc/self/uid_map': '         0      65534          1\n' };
    expect(systemOf({ files }).privileges.inUserNamespace).toBe(true);
  });

  it('filters are counted, also where the kernel does not tell their number', () => {
    const of = (more: string) => systemOf({ files: statusOf('0', '0', more) }).privileges;
    expect(of('NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n')).toMatchObject({
      ...{ seccompFilters: 3, noNewPrivileges: true },
    });
    expect(of('Seccomp:\t2\n').seccompFilters).toBe(1);
  });

  it('without /proc are not known, which is not none', () => {
    const system = systemOf({ without: ['/proc/self/status'] });
    expect(system.privileges).toMatchObject({ effective: undefined, seccompFilters: undefined });
    expect(system.proc.missing).toBe('ENOENT');
  });
});

describe('limits', () => {
  it('are read as bytes', () => {
    expect(systemOf().limits).toMatchObject({
      ...{ memlock: 8_388_608, memlockHard: 16_777_216, optmemMax: 131_072, wmemMax: 212_992 },
      ...{ reservedHugePages: 0, lockedByLoops: 0 },
    });
    const files = {
      '/proc/self/limits':
        'Max locked memory         unlimited            unlimited            bytes\n',
      '/sys/kernel/mm/transparent_hugepage/enabled': 'always madvise [never]\n',
      '/proc/self/fd/3': 'anon_inode:[eventpoll]',
      '/proc/self/fd/4': 'anon_inode:[io_uring]',
      '/proc/self/fd/11': 'anon_inode:[io_uring]',
    };
    expect(systemOf({ files }).limits).toMatchObject({
      ...{ memlock: Number.POSITIVE_INFINITY, transparentHugePages: 'never' },
      lockedByLoops: 2 * 28_672,
    });
  });
});

describe('settings', () => {
  const path = '/proc/sys/net/core/optmem_max';
  const mount = (place: string, options: string) =>
    `30 20 0:5 / ${place} ${options} - proc proc rw\n`;
  const of = (machine: Parameters<typeof systemOf>[0]) =>
    systemOf(machine).settings['net.core.optmem_max'];

  it('can be changed here, by root, or not from here', () => {
    expect(of({ writable: [path] })).toBe('here');
    expect(of({})).toBe('by-root');
    expect(of({ without: [path] })).toBe('outside');
  });

  it('on a mount that is read-only by nobody; the innermost one counts, and of two the later', () => {
    const mounted = (text: string) =>
      of({ files: { '/proc/self/mountinfo': text }, writable: [path] });
    expect(mounted(mount('/proc', 'rw,nosuid') + mount('/proc/sys', 'ro,nosuid'))).toBe(
      'read-only',
    );
    expect(mounted(mount('/proc', 'ro'))).toBe('read-only');
    expect(mounted(mount('/proc', 'ro') + mount('/proc/sys', 'rw'))).toBe('here');
    expect(mounted(mount('/proc', 'ro') + mount('/proc', 'rw'))).toBe('here');
    expect(mounted(mount('/production', 'ro'))).toBe('here');
  });
});

describe('taps', () => {
  const head = 'sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n';
  const row = (protocol: string, index: number, running: number, inode: number) =>
    `0000000000000000 3      3    ${protocol}   ${index}     ${running} 0      0      ${inode}\n`;
  const taps = (table: string, files = {}) =>
    systemOf({ files: { '/proc/self/net/packet': head + table, ...files } }).taps;

  it('are the sockets for every protocol that run', () => {
    expect(taps(row('0003', 4, 1, 111) + row('0800', 4, 1, 112) + row('0003', 5, 0, 113))).toEqual([
      { index: 4, program: undefined },
    ]);
    expect(taps('')).toEqual([]);
    expect(systemOf({ without: ['/proc/self/net/packet'] }).taps).toBe(undefined);
  });

  it('have a program where we may see it', () => {
    const files = { '/proc/77/comm': 'tcpdump\n', '/proc/77/fd/3': 'socket:[111]' };
    expect(taps(row('0003', 0, 1, 111), files)).toEqual([
      { index: 0, program: 'tcpdump (process 77)' },
    ]);
  });
});

describe('gVisor', () => {
  it.each([
    { release: '4.4.0', version: '#1 SMP Sun Jan 10 15:06:54 PST 2016' },
    { release: '4.19.0-gvisor', version: '#1 SMP Sun Jan 10 15:06:54 PST 2016' },
  ])('is no Linux, whatever it calls itself: $release', (machine) => {
    const [kernel] = judgeSystem(subjectOf({}, machine));
    expect(kernel).toMatchObject({ id: 'kernel', verdict: 'limited', data: { gvisor: true } });
    expect(kernel?.summary).toMatch(/^gVisor/);
    expect(kernel?.remedies?.[0]?.type).toContain('--runtime=runc');
  });

  it('a Linux is one', () => {
    expect(judgeSystem(subjectOf({}))[0]).toMatchObject({
      verdict: 'fact',
      data: { gvisor: false },
    });
  });
});
