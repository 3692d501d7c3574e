// zerosend doctor where a seccomp filter answers for the kernel, or ends the process.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canMakeNamespaces, hasTool, needs } from '../../support/requirements.js';
import { commandLine, compileUnder, doctor, type Report, ZERO_COPY } from './doctor.js';
import { atTerminal, screen } from './shell.js';

const AF_NETLINK = 16;
const AF_PACKET = 17;
const AF_XDP = 44;
const EPERM = 1;
const EACCES = 13;
const ENOSYS = 38;
const SOL_SOCKET_SO_ZEROCOPY = '1=1:2=60';

let under: ReturnType<typeof compileUnder>;
beforeAll(() => {
  under = compileUnder();
});
afterAll(() => under?.remove());

const RINGS = ['packet-ring', 'af-xdp'];
const WORKS = [...ZERO_COPY, 'udp-gso', 'tcp-pacing', 'timestamps', ...RINGS];

/** What is refused under a filter, and that nothing else is. */
async function refused(filter: string, ids: readonly string[]): Promise<Report> {
  const report = await doctor({ prefix: [under?.path ?? '', filter, '--'] });
  expect(report.of('seccomp').data).toEqual({ filters: 1 });
  for (const id of WORKS) {
    const expected = ids.includes(id) ? 'fails' : 'works';
    expect([id, report.of(id).verdict]).toEqual([id, expected]);
  }
  return report;
}

const compiler = needs(canMakeNamespaces() && hasTool('cc'), 'making network namespaces, and cc');

describe('a filter that answers', compiler, () => {
  it('to SO_ZEROCOPY', async () => {
    const report = await refused(`answer=${EPERM}:setsockopt:${SOL_SOCKET_SO_ZEROCOPY}`, ZERO_COPY);
    expect(report).toMatchObject({ core: false, code: 3 });
    for (const id of ZERO_COPY) {
      const { error, means } = report.of(id);
      expect(error).toMatchObject({ code: 'EPERM', syscall: 'setsockopt(SO_ZEROCOPY)' });
      expect(means).toMatch(/needs no privilege.*a seccomp filter/);
      expect(report.typed(id)[0]).toContain('seccomp=unconfined');
    }
  });

  it.each([
    ['EPERM', EPERM],
    ['ENOSYS', ENOSYS],
  ])('to reading the error queue: %s', async (code, errno) => {
    // The filter is for every recvmsg, those of the receiver included: nothing of UDP is left.
    const ids = [...ZERO_COPY, 'udp-gso', 'timestamps'];
    const report = await refused(`answer=${errno}:recvmsg`, ids);
    expect(report).toMatchObject({ core: false, code: 3 });
    for (const id of ids) {
      expect(report.of(id).error).toMatchObject({ code, syscall: 'recvmsg' });
      expect(report.of(id).means).toMatch(/a seccomp filter/);
    }
  });

  it('to packet sockets, with a capability that is there', async () => {
    const report = await refused(`answer=${EPERM}:socket:0=${AF_PACKET}`, ['packet-ring']);
    expect(report).toMatchObject({ core: true, code: 0 });
    expect(report.of('packet-ring').error).toMatchObject({ code: 'EPERM', syscall: 'socket' });
    expect(report.of('packet-ring').means).toContain(
      'the seccomp filter that it runs under denies',
    );
    expect(report.typed('packet-ring').join()).not.toContain('setcap');
  });

  it('to netlink: interfaces are not known, and the rest is', async () => {
    const report = await refused(`answer=${EACCES}:socket:0=${AF_NETLINK}`, []);
    expect(report).toMatchObject({ core: true, code: 0 });
    expect(report.of('interfaces')).toMatchObject({
      verdict: 'fails',
      error: { code: 'EACCES', errno: EACCES, syscall: 'netlink(RTM_GETLINK)' },
    });
    expect(report.of('interfaces').means).toMatch(/a seccomp filter/);
  });

  it('to netlink, also where one interface is asked for its rings', async () => {
    const prefix = [under?.path ?? '', `answer=${EACCES}:socket:0=${AF_NETLINK}`, '--'];
    const report = await doctor({ prefix, args: ['-i', 'lo'] });
    expect(report.of('interface:lo:packet-ring').verdict).toBe('works');
    expect(report.of('interface:lo:af-xdp').data).toMatchObject({ copy: true, zerocopy: false });
  });

  it('to ethtool: offloads are not told, and nothing is made of that', async () => {
    const SIOCETHTOOL = 0x8946;
    const report = await refused(`answer=${ENOSYS}:ioctl:1=${SIOCETHTOOL}`, []);
    expect(report.of('interface:lo').data).toMatchObject({ offloads: null, copies: ['loopback'] });
  });
});

describe('a filter that ends the process', compiler, () => {
  it('ends what tries alone, and what it was is known', async () => {
    const report = await refused(`kill:socket:0=${AF_XDP}`, ['af-xdp']);
    expect(report).toMatchObject({ core: true, code: 0 });
    expect(report.of('af-xdp')).toMatchObject({
      summary: 'the process that tried ended by SIGSYS',
      error: { code: 'SIGSYS' },
    });
    expect(report.of('af-xdp').means).toContain('seccomp');
  });
});

describe('where no process can be started', compiler, () => {
  it('the doctor tries by itself', async () => {
    // By which the pipes of a child are made.
    const report = await refused(`answer=${EPERM}:socketpair`, []);
    expect(report).toMatchObject({ core: true, code: 0 });
  });
});

describe(
  'Ctrl-C',
  needs(canMakeNamespaces() && hasTool('cc') && hasTool('script'), 'namespaces, cc and script'),
  () => {
    it('while something is tried ends it, and says so', async () => {
      // Two seconds pass until a socket gives up reading its error queue.
      const prefix = [under?.path ?? '', `answer=${EPERM}:recvmsg`, '--'];
      const running = atTerminal(commandLine({ prefix }));
      await running.printed(/Trying each mechanism/);
      running.type('\x03');
      const { code, stdout } = await running.ended();
      expect(code).toBe(0);
      const seen = screen(stdout).map((line) => line.replace('^C', ''));
      expect(seen).toContain('Interrupted: what has no answer was not tried to its end.');
      // What takes its time has none; what is read at once is there.
      expect(seen).toContain('  ? MSG_ZEROCOPY, TCP over IPv4  interrupted');
      expect(seen.join('\n')).toContain('a filter decides which system calls are allowed');
    });
  },
);
