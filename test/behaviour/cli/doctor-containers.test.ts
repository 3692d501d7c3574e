// zerosend doctor in what container engines make: files that they leave, mounts, capabilities, filters. Where
// an engine is not installed, this is as far as its conditions can be had.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { canMakeNamespaces, hasTool, isRoot, needs } from '../../support/requirements.js';
import { after, compileUnder, doctor, ZERO_COPY } from './doctor.js';

const AF_VSOCK = 40;
const AF_XDP = 44;
const EPERM = 1;
const ENOPROTOOPT = 92;
const EAFNOSUPPORT = 97;
/** What both engines give by default; Docker NET_RAW as well. */
const CAPABILITIES =
  'chown dac_override fowner fsetid kill net_bind_service setfcap setgid setpcap setuid sys_chroot';
const bounded = (...more: string[]) => [
  'setpriv',
  `--bounding-set=-all,${[...CAPABILITIES.split(' '), ...more].map((name) => `+${name}`).join(',')}`,
];
/** The settings of the kernel cannot be changed from in there. */
const READ_ONLY = 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys';

let under: ReturnType<typeof compileUnder>;
beforeAll(() => {
  under = compileUnder();
});
afterAll(() => under?.remove());

/** The default filters of both deny it, and much that nobody here asks for. */
const filtered = () => [under?.path ?? '', `answer=${EPERM}:socket:0=${AF_VSOCK}`, '--'];

const RINGS = ['packet-ring', 'af-xdp'];
const root = needs(isRoot() && hasTool('setpriv') && hasTool('cc'), 'root, setpriv and cc');

describe('a container of Podman', root, () => {
  it('is known by its file; the capability for rings is given where it is started', async () => {
    const podman = `mount -t tmpfs none /run && touch /run/.containerenv && ${READ_ONLY}`;
    const prefix = ['unshare', '-m', '--', ...after(podman), ...bounded(), ...filtered()];
    const report = await doctor({ prefix });
    expect(report.of('container').data).toMatchObject({
      kind: 'podman',
      evidence: expect.arrayContaining(['/run/.containerenv']),
      inUserNamespace: false,
    });
    expect(report.of('proc').data).toMatchObject({ missing: null, readOnly: true });
    expect(report.of('seccomp').data).toEqual({ filters: 1 });
    expect(report).toMatchObject({ core: true, code: 0 });
    for (const id of ZERO_COPY) expect([id, report.of(id).verdict]).toEqual([id, 'works']);
    for (const id of RINGS) {
      expect(report.of(id)).toMatchObject({ verdict: 'fails', error: { code: 'EPERM' } });
      expect(report.typed(id)).toContain('podman run --cap-add NET_RAW …');
      expect(report.typed(id).join()).not.toContain('setcap');
    }
  });
});

describe('a container of Docker', root, () => {
  it('is known by its file, and has rings by default', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zerosend-docker-'));
    onTestFinished(() => rmdirSync(folder));
    // A file of its own at the root of what is there: mounts below it are taken along.
    const docker = [
      `d='${folder}' && mount -t tmpfs none $d && mkdir $d/up $d/work $d/root`,
      'mount -t overlay none -o lowerdir=/,upperdir=$d/up,workdir=$d/work $d/root',
      'touch $d/root/.dockerenv',
      'for m in /*; do if mountpoint -q $m; then mount --rbind $m $d/root$m; fi; done',
    ].join(' && ');
    const enter = ['sh', '-c', `${docker} && exec chroot $d/root "$@"`, 'sh'];
    const inside = ['sh', '-c', `cd ${process.cwd()} && ${READ_ONLY} && exec "$@"`, 'sh'];
    const prefix = [
      'unshare',
      '-m',
      '--',
      ...enter,
      ...inside,
      ...bounded('net_raw'),
      ...filtered(),
    ];
    const report = await doctor({ prefix });
    expect(report.of('container').data).toMatchObject({
      kind: 'docker',
      evidence: expect.arrayContaining(['/.dockerenv']),
    });
    expect(report.of('proc').data).toMatchObject({ readOnly: true });
    expect(report).toMatchObject({ core: true, code: 0 });
    for (const id of [...ZERO_COPY, ...RINGS]) {
      expect([id, report.of(id).verdict]).toEqual([id, 'works']);
    }
    const settings = report.typed('wmem-max').concat(report.typed('optmem-max'));
    for (const typed of settings) expect(typed).toMatch(/^docker run --sysctl|^sudo sysctl/);
  });
});

describe('a pod of Kubernetes', root, () => {
  it('is known by its environment; its security context is what to change', async () => {
    const report = await doctor({
      prefix: ['unshare', '-m', '--', ...after(READ_ONLY), ...bounded(), ...filtered()],
      env: { KUBERNETES_SERVICE_HOST: '10.96.0.1' },
    });
    expect(report.of('container').data).toMatchObject({
      kind: 'kubernetes',
      evidence: expect.arrayContaining(['KUBERNETES_SERVICE_HOST']),
    });
    expect(report.typed('af-xdp')).toContain(
      'securityContext: { capabilities: { add: ["NET_RAW"] } }',
    );
  });
});

describe('gVisor', needs(canMakeNamespaces() && hasTool('cc'), 'namespaces and cc'), () => {
  it('is known by what it calls itself, and what it lacks is not blamed on privileges', async () => {
    const folder = dirname(under?.path ?? '');
    const shim = join(folder, 'gvisor.so');
    const source = fileURLToPath(new URL('programs/gvisor.c', import.meta.url));
    execFileSync('cc', ['-O1', '-shared', '-fPIC', source, '-o', shim]);
    const [SOL_SOCKET, SO_ZEROCOPY, SOL_PACKET, PACKET_TX_RING] = [1, 60, 263, 13];
    const answers = [
      `answer=${ENOPROTOOPT}:setsockopt:1=${SOL_SOCKET}:2=${SO_ZEROCOPY}`,
      `answer=${ENOPROTOOPT}:setsockopt:1=${SOL_PACKET}:2=${PACKET_TX_RING}`,
      `answer=${EAFNOSUPPORT}:socket:0=${AF_XDP}`,
    ];
    const prefix = [under?.path ?? '', ...answers, '--', 'env', `LD_PRELOAD=${shim}`];
    const report = await doctor({ prefix });
    expect(report.of('kernel')).toMatchObject({
      verdict: 'limited',
      summary: expect.stringMatching(/^gVisor, which calls itself Linux 4\.4\.0/),
      data: { gvisor: true },
    });
    expect(report.typed('kernel')).toEqual(['docker run --runtime=runc …']);
    expect(report).toMatchObject({ core: false, code: 3 });
    const codes = { 'packet-ring': 'ENOPROTOOPT', 'af-xdp': 'EAFNOSUPPORT' } as const;
    for (const [id, code] of Object.entries(codes)) {
      expect(report.of(id)).toMatchObject({ verdict: 'fails', error: { code } });
    }
    for (const id of [...ZERO_COPY, ...RINGS]) {
      expect([id, report.of(id).means]).toEqual([id, "gVisor's kernel has no such thing."]);
      expect(report.typed(id)).toEqual(['docker run --runtime=runc …']);
    }
  });
});
