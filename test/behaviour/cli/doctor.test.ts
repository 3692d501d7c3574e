// zerosend doctor under one condition after the other: what it says has to change with each, and be true.
import { chmodSync, copyFileSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderOfTest } from '../../support/folders.js';
import { canMakeNamespaces, hasTool, isRoot, needs } from '../../support/requirements.js';
import {
  after,
  anotherNobody,
  commandLine,
  doctor,
  NOBODY,
  NOBODY_ID,
  ZERO_COPY,
} from './doctor.js';
import { atTerminal, pipe, screen, zerosend } from './shell.js';

const namespaces = needs(canMakeNamespaces(), 'making network namespaces');
const root = needs(isRoot() && hasTool('setpriv'), 'root and the tool setpriv');
const limits = needs(
  isRoot() && hasTool('setpriv') && hasTool('prlimit'),
  'root, setpriv and prlimit',
);

/** Bytes of an io_uring of libuv, and whether event loops of this Node.js have such (from 22 on). */
const RING = 28_672;
const LOOPS_LOCK = readdirSync('/proc/self/fd').some(isIoUring);

function isIoUring(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).includes('[io_uring]');
  } catch {
    return false; // it is closed by now
  }
}

const TRIED = [...ZERO_COPY, 'udp-gso', 'tcp-pacing', 'timestamps'];
const RINGS = ['packet-ring', 'af-xdp'];

describe('a network with loopback', namespaces, () => {
  it('everything works, seen by its completion, and the code is 0', async () => {
    const report = await doctor();
    expect(report).toMatchObject({ format: 1, core: true, interrupted: false, code: 0 });
    for (const id of [...TRIED, ...RINGS])
      expect([id, report.of(id).verdict]).toEqual([id, 'works']);
    for (const id of ZERO_COPY) {
      expect(report.of(id).data).toMatchObject({ how: 'copied', kernelIds: 1, notifications: 1 });
    }
    expect(report.of('udp-gso').data).toMatchObject({
      datagrams: 5,
      segmentSize: 1000,
      whole: true,
    });
    expect(report.of('packet-ring').data).toMatchObject({ how: 'zerocopy' });
    expect(report.of('af-xdp').data).toMatchObject({ how: 'copied', granted: 'copy' });
    expect(report.of('interface:lo').data).toMatchObject({
      up: true,
      copies: ['loopback'],
    });
  });

  it('the document has the same shape on every machine', async () => {
    const { findings } = await doctor();
    const keys = [
      'id',
      'group',
      'title',
      'verdict',
      'summary',
      'means',
      'error',
      'remedies',
      'data',
    ];
    for (const finding of findings) expect(Object.keys(finding)).toEqual(keys);
    expect(findings.map(({ group, id }) => `${group} ${id}`)).toEqual([
      'system kernel',
      'system library',
      'system container',
      'system proc',
      'system capabilities',
      'system seccomp',
      ...ZERO_COPY.map((id) => `mechanisms ${id}`),
      'mechanisms udp-gso',
      'mechanisms tcp-pacing',
      'mechanisms timestamps',
      'mechanisms packet-ring',
      'mechanisms af-xdp',
      'limits optmem-max',
      'limits memlock',
      'limits wmem-max',
      'limits transparent-huge-pages',
      'limits reserved-huge-pages',
      'interfaces interface:lo',
    ]);
  });
});

describe('a bare network', namespaces, () => {
  it('nothing can be tried, which is no verdict about it, and the code is 3', async () => {
    const report = await doctor({ network: [] });
    expect(report).toMatchObject({ core: false, code: 3 });
    for (const id of [...TRIED, ...RINGS]) {
      expect([id, report.of(id).verdict]).toEqual([id, 'untried']);
      expect(report.typed(id)).toEqual(['ip link set lo up']);
    }
    expect(report.of('udp4-zerocopy').error).toMatchObject({ code: 'ENETUNREACH', errno: 101 });
    expect(report.of('interface:lo')).toMatchObject({ verdict: 'limited', data: { up: false } });
  });

  it('what it says to type helps', async () => {
    const [type = ''] = (await doctor({ network: [] })).typed('tcp4-zerocopy');
    expect(await doctor({ network: [], prefix: after(type) })).toMatchObject({
      core: true,
      code: 0,
    });
  });

  it('without IPv6 the core works by IPv4', async () => {
    const off = after('echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6');
    const report = await doctor({ prefix: off });
    expect(report).toMatchObject({ core: true, code: 0 });
    for (const id of ['tcp6-zerocopy', 'udp6-zerocopy']) {
      expect(report.of(id)).toMatchObject({ verdict: 'untried', error: { code: 'EADDRNOTAVAIL' } });
      expect(report.typed(id)).toEqual(['sysctl -w net.ipv6.conf.lo.disable_ipv6=0']);
    }
  });
});

describe('nobody', root, () => {
  it('sends by zero copy, and has no rings: what would give them is said', async () => {
    const report = await doctor({ prefix: NOBODY });
    expect(report).toMatchObject({ core: true, code: 0 });
    for (const id of TRIED) expect([id, report.of(id).verdict]).toEqual([id, 'works']);
    expect(report.of('capabilities').data).toMatchObject({
      uid: NOBODY_ID,
      effective: [],
      bounding: [],
    });
    for (const id of RINGS) {
      expect(report.of(id)).toMatchObject({
        verdict: 'fails',
        error: { code: 'EPERM', errno: 1, syscall: 'socket' },
      });
      expect(report.of(id).means).toContain('it is not in the bounding set');
      // Nothing that is started from here could have it, by whatever file.
      expect(report.typed(id).join()).not.toContain('setcap');
      expect(report.typed(id)).toContain('unshare -Urn …');
    }
  });

  it('who may get it is told how', async () => {
    const ordinary = NOBODY.filter((option) => !option.startsWith('--bounding'));
    const report = await doctor({ prefix: ordinary });
    expect(report.typed('af-xdp')).toContainEqual(
      expect.stringMatching(/^sudo setcap cap_net_raw\+ep \/\S*node/),
    );
  });

  it(
    'and that helps: a node that was given it has rings',
    needs(hasTool('setcap'), 'the tool setcap'),
    async () => {
      const folder = folderOfTest();
      chmodSync(folder, 0o755);
      const own = join(folder, 'node');
      copyFileSync(realpathSync(process.execPath), own);
      const ordinary = NOBODY.filter((option) => !option.startsWith('--bounding'));
      const ask = () => doctor({ prefix: ordinary, executable: own });
      const typed =
        (await ask()).typed('packet-ring').find((line) => line.includes('setcap')) ?? '';
      expect(typed).toBe(`sudo setcap cap_net_raw+ep ${own}`);
      expect(await pipe(typed.split(' ').slice(1))).toMatchObject({ code: 0 });
      const report = await ask();
      for (const id of RINGS) expect([id, report.of(id).verdict]).toEqual([id, 'works']);
      expect(report.of('capabilities').data).toMatchObject({ effective: ['CAP_NET_RAW'] });
    },
  );

  it('unless no program can gain anything by being started', async () => {
    const ordinary = NOBODY.filter((option) => !option.startsWith('--bounding'));
    const report = await doctor({ prefix: [...ordinary, '--no-new-privs'] });
    expect(report.of('af-xdp').means).toContain('no_new_privs is set');
    expect(report.typed('af-xdp').join()).not.toContain('setcap');
  });
});

describe('root without one capability', root, () => {
  // A real user of its own, since what other processes of that user have locked counts against the limit.
  const own = `--ruid=${1_200_000 + process.pid}`;
  const without = (name: string) => {
    const dropped = `--bounding-set=-${name.replace('CAP_', '').toLowerCase()}`;
    return doctor({ prefix: ['setpriv', own, dropped] });
  };

  it.each(['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_IPC_LOCK', 'CAP_SYS_ADMIN', 'CAP_BPF'])(
    '%s: what needs it, and nothing else, is refused',
    async (name) => {
      const report = await without(name);
      expect(report.of('capabilities').data.missing).toEqual([name]);
      const verdict = name === 'CAP_NET_RAW' ? 'fails' : 'works';
      for (const id of RINGS) expect([id, report.of(id).verdict]).toEqual([id, verdict]);
      for (const id of TRIED) expect([id, report.of(id).verdict]).toEqual([id, 'works']);
      expect(report.of('memlock').data.exempt).toBe(name !== 'CAP_IPC_LOCK');
      expect(report.code).toBe(0);
    },
  );
});

describe('tight limits', limits, () => {
  const locked = (bytes: string, who: readonly string[] = anotherNobody()) =>
    doctor({ prefix: ['prlimit', `--memlock=${bytes}`, '--', ...who] });

  it('no locked memory: zero copy is refused, and the limit is named', async () => {
    const report = await locked('0:0');
    expect(report).toMatchObject({ core: false, code: 3 });
    for (const id of ZERO_COPY) {
      expect(report.of(id)).toMatchObject({
        verdict: 'fails',
        error: { code: 'ENOBUFS', errno: 105 },
      });
      expect(report.of(id).means).toContain('RLIMIT_MEMLOCK is 0');
      expect(report.typed(id).join('\n')).toContain('prlimit --memlock=unlimited');
    }
    expect(report.of('memlock')).toMatchObject({
      verdict: 'limited',
      data: { memlock: 0, sendsInFlight: 0 },
    });
  });

  it('a little: one send at a time is taken, and the limit is called tight', async () => {
    // The rings of two processes, and 64 KiB.
    const memlock = 65_536 + (LOOPS_LOCK ? 6 * RING : 0);
    const report = await locked(`${memlock}:524288`);
    expect(report).toMatchObject({ core: true, code: 0 });
    for (const id of ZERO_COPY) expect([id, report.of(id).verdict]).toEqual([id, 'works']);
    expect(report.of('memlock')).toMatchObject({ verdict: 'limited', data: { memlock } });
    expect(report.typed('memlock')[0]).toBe('ulimit -l 512');
  });

  it('less: what event loops lock themselves is not there for sends, and that is said', async () => {
    const report = await locked('65536:65536');
    const verdict = LOOPS_LOCK ? 'fails' : 'works';
    for (const id of ZERO_COPY) expect([id, report.of(id).verdict]).toEqual([id, verdict]);
    const { data, means } = report.of('memlock');
    expect(data).toMatchObject({ lockedByLoops: LOOPS_LOCK ? 2 * RING : 0, sendsInFlight: 0 });
    expect(means?.includes('Node.js has locked 56 KiB itself')).toBe(LOOPS_LOCK);
  });

  it('root of the machine is not bound by it', async () => {
    const report = await locked('0:0', []);
    expect(report.of('memlock')).toMatchObject({ verdict: 'works', data: { exempt: true } });
    expect(report).toMatchObject({ core: true, code: 0 });
  });

  it('root of a user namespace is, rings included', async () => {
    const own = ['unshare', '-Urn', '--', ...after('ip link set lo up')];
    const report = await locked('0:0', own);
    expect(report.of('capabilities').data.effective).toContain('CAP_IPC_LOCK');
    expect(report.of('memlock')).toMatchObject({ verdict: 'limited', data: { exempt: false } });
    expect(report.of('udp4-zerocopy').error).toMatchObject({ code: 'ENOBUFS' });
    expect(report.of('af-xdp')).toMatchObject({
      verdict: 'fails',
      error: { code: 'ENOBUFS', syscall: 'setsockopt(XDP_UMEM_REG)' },
    });
    expect(report.of('af-xdp').means).toContain('RLIMIT_MEMLOCK is 0');
  });

  const optmem = (bytes: number) =>
    doctor({ prefix: after(`echo ${bytes} > /proc/sys/net/core/optmem_max`) });

  it('no option memory: the same errno, and another limit', async () => {
    const report = await optmem(256);
    expect(report).toMatchObject({ core: false, code: 3 });
    for (const id of ZERO_COPY) {
      expect(report.of(id)).toMatchObject({ verdict: 'fails', error: { code: 'ENOBUFS' } });
      expect(report.of(id).means).toContain('net.core.optmem_max, which is 256');
      expect(report.typed(id)).toEqual(['sysctl -w net.core.optmem_max=1048576']);
    }
    for (const id of RINGS) expect([id, report.of(id).verdict]).toEqual([id, 'works']);
  });

  it(
    'little of it: works, and is called tight',
    needs(hasTool('sysctl'), 'the tool sysctl'),
    async () => {
      const report = await optmem(20_480);
      expect(report).toMatchObject({ core: true, code: 0 });
      expect(report.of('optmem-max')).toMatchObject({
        verdict: 'limited',
        data: { optmemMax: 20_480, sendsInFlight: 24 },
      });
      const [type = ''] = report.typed('optmem-max');
      const mended = await doctor({ prefix: after(`${type} > /dev/null`) });
      expect(mended.of('optmem-max')).toMatchObject({
        verdict: 'works',
        data: { optmemMax: 1_048_576 },
      });
    },
  );
});

describe('where network and user namespace are not of one another', root, () => {
  it('a capability that is there does not help', async () => {
    const report = await doctor({ prefix: ['unshare', '-Ur', '--'] });
    expect(report.of('capabilities').data.effective).toContain('CAP_NET_RAW');
    for (const id of RINGS) {
      expect(report.of(id)).toMatchObject({ verdict: 'fails', error: { code: 'EPERM' } });
      expect(report.of(id).means).toContain('the user namespace that owns the network');
      expect(report.typed(id)).toEqual(['unshare -Urn …']);
    }
  });
});

describe('/proc', needs(isRoot(), 'root'), () => {
  const mounts = (line: string) => ['unshare', '-m', '--', ...after(line)];

  it('missing: what is tried is known, what is read is not', async () => {
    const report = await doctor({ prefix: mounts('mount -t tmpfs none /proc') });
    expect(report).toMatchObject({ core: true, code: 0 });
    for (const id of [...TRIED, ...RINGS])
      expect([id, report.of(id).verdict]).toEqual([id, 'works']);
    expect(report.of('proc')).toMatchObject({ verdict: 'limited', error: { code: 'ENOENT' } });
    for (const id of ['capabilities', 'seccomp', 'optmem-max', 'memlock']) {
      expect([id, report.of(id).verdict]).toEqual([id, 'untried']);
    }
    expect(report.of('interface:lo').data).toMatchObject({
      up: true,
      mtu: 65_536,
      tapsKnown: false,
    });
  });

  it('read-only: settings are to be changed from outside', async () => {
    const report = await doctor({
      prefix: mounts('echo 256 > /proc/sys/net/core/optmem_max && mount -o remount,ro,bind /proc'),
      env: { container: 'podman' },
    });
    expect(report.of('proc').data).toMatchObject({ missing: null, readOnly: true });
    expect(report.typed('optmem-max').at(-1)).toBe('sudo sysctl -w net.core.optmem_max=1048576');
    expect(report.typed('optmem-max')[0]).toMatch(
      /^(docker|podman) run --sysctl net\.core\.optmem_max=1048576 …$/,
    );
  });
});

describe('a library that does not load', namespaces, () => {
  it('is the one finding, and nothing is blamed on the system', async () => {
    const report = await doctor({ node: ['--no-addons'] });
    expect(report).toMatchObject({ core: false, code: 3 });
    const failed = report.findings.filter(({ verdict }) => verdict === 'fails');
    expect(failed).toMatchObject([
      { id: 'library', error: { code: 'ERR_ZEROSEND_NATIVE_MISSING' } },
    ]);
    expect(failed[0]?.means).toContain('--no-addons');
    for (const id of [...TRIED, ...RINGS])
      expect([id, report.of(id).verdict]).toEqual([id, 'untried']);
  });
});

describe('for people', namespaces, () => {
  it('in a pipe it is plain text: groups, marks, and what to type', async () => {
    const { code, stdout, stderr } = await pipe(commandLine({ network: [] }));
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    for (const heading of ['System', 'Mechanisms', 'Limits', 'Interfaces']) {
      expect(stdout).toMatch(new RegExp(`^${heading}`, 'm'));
    }
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toMatch(/^ {2}\? MSG_ZEROCOPY, TCP over IPv4 +connect: ENETUNREACH$/m);
    expect(stdout).toMatch(/^ {6}\$ ip link set lo up$/m);
    expect(stdout.match(/^ {6}The loopback interface/gm)).toHaveLength(1);
    for (const line of stdout.split('\n').slice(0, -3))
      expect(line.length).toBeLessThanOrEqual(100);
  });

  it(
    'at a terminal it has colours, and nothing is left of the waiting',
    needs(hasTool('script'), 'the tool script'),
    async () => {
      const { code, stdout } = await atTerminal(commandLine({})).ended();
      expect(code).toBe(0);
      expect(stdout).toContain('\x1b[32m✔');
      expect(stdout).toContain('Trying each mechanism');
      const seen = screen(stdout);
      expect(seen[0]).toBe('System');
      expect(seen.filter((line) => line.length > 80)).toEqual([]);
    },
  );

  it('an interface that is not there is a wrong command line', async () => {
    const { code, stdout, stderr } = await pipe(commandLine({ args: ['--interface', 'nope0'] }));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain("there is no interface 'nope0'; there are 'lo'");
  });

  it('its help says what it does to a real interface', async () => {
    const { code, stdout } = await pipe([process.execPath, zerosend, 'doctor', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('-i, --interface NAME');
    expect(stdout).toMatch(/can interrupt traffic/);
  });
});
