import { describe, expect, it } from 'vitest';
import { type Rig, startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { hasTool, isRoot, needs } from '../support/requirements.js';
import { Inside } from './inside.js';
import { stopWhenQuiet } from './receiving.js';
import { expectBalanced, expectConstant } from './reports.js';
import { readableCopy, type SendsReport, sendAll, startSends } from './sending.js';

const SEGMENT = 1400;
const TRAIN = 46 * SEGMENT;
// Of this run alone: the limit counts what all processes of a user have locked.
const NOBODY = 1_000_000 + process.pid;

const SOL_SOCKET = 1;
const SO_TIMESTAMPING = 37;
// SOF_TIMESTAMPING_: TX_SOFTWARE, SOFTWARE, OPT_ID, TX_SCHED, TX_ACK, OPT_TSONLY
const STAMPS = (1 << 1) | (1 << 4) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 11);
const SOL_IP = 0;
const IP_RECVERR = 11;
const EINTR = 4;

const udp = { protocol: 'udp', segmentSize: SEGMENT, length: TRAIN } as const;
const tcp = { protocol: 'tcp', length: 65_521 } as const;

describe('every id completes exactly once, and all arrives', await needsRig('veth'), () => {
  it.each([
    ['UDP, one by one', { ...udp, segmentSize: undefined, length: SEGMENT, sends: 20_000 }],
    [
      // More in a call than optmem_max has notifications for, however fast the link is beside the sender.
      'UDP, 64 at a time',
      { ...udp, segmentSize: undefined, length: SEGMENT, sends: 20_000, many: 64 },
    ],
    ['UDP trains', { ...udp, sends: 2500 }],
    ['TCP', { ...tcp, sends: 600 }],
  ])('in a storm of ENOBUFS (optmem_max 20480): %s', async (_, sends) => {
    // TCP puts up to 512 KiB into one notification: it takes much in flight to run out. But the pool is
    // part of the memory that must not grow.
    const count = sends.protocol === 'tcp' ? 256 : 128;
    const sysctls = { 'net.ipv4.tcp_wmem': '4096 16777216 33554432' };
    const rig = await rigUp('veth', { optmem: 20_480, rate: '200mbit', sysctls });
    const { report } = await sendAll(rig, { ...sends, count });
    expectBalanced(report);
    expectConstant(report);
    expect(report.stats.noBuffers).toBeGreaterThan(20);
    expect(report.how.zerocopy).toBeGreaterThan(50);
    expect(report.how.copied).toBeUndefined();
  });

  describe('within RLIMIT_MEMLOCK, of a user without capabilities', needsUsers(), () => {
    it.each([
      ['that some sends fit into', 512 * 1024, 'zerocopy'],
      // The poller thread may cut a send of a stream in two, where its bytes for one wake end: of these
      // parts the larger one does not fit either.
      ['that not one send fits into', 32 * 1024, 'inline'],
    ] as const)('%s', async (_, memlock, how) => {
      const rig = await rigUp('veth', { rate: '400mbit' });
      const options = { user: NOBODY, memlock, root: readableCopy() };
      for (const sends of [
        { ...udp, sends: 1000 },
        { ...tcp, sends: 1000 },
      ]) {
        const { report } = await sendAll(rig, sends, options);
        expectBalanced(report);
        // Where the user's limit is used up (io_uring, say, takes of it), the kernel cannot even be asked for
        // its count, and the socket copies without trying.
        const { noBuffers, inlineFallbacks } = report.stats;
        expect(noBuffers).toBeGreaterThan(0);
        expect(how === 'inline' ? inlineFallbacks : noBuffers).toBeGreaterThan(100);
        if (how === 'inline') expect(report.how).toEqual({ inline: report.ids });
        else expect(Object.keys(report.how).sort()).toEqual(['inline', 'zerocopy']);
      }
    });
  });

  it.each([4, 6] as const)(
    'between transmit timestamps that the user has switched on, over IPv%i',
    async (family) => {
      const rig = await rigUp('veth', { rate: '1gbit' });
      const setOptions = [[SOL_SOCKET, SO_TIMESTAMPING, STAMPS] as const];
      for (const sends of [
        { ...udp, sends: 1000 },
        { ...tcp, sends: 1000 },
      ]) {
        const all = { ...sends, family, setOptions };
        const { report } = await sendAll(rig, all, { testBuild: true });
        expectBalanced(report);
        expect(report.stats.timestamps).toBeGreaterThan(sends.sends / 2);
        expect(report.how).toEqual({ zerocopy: report.ids });
      }
    },
  );

  it.each([udp, tcp])('in a storm of signals, over $protocol', async (kind) => {
    const rig = await rigUp('veth', { rate: '400mbit' });
    // The signals meet whatever thread does not block them, the poller's calls fail by themselves.
    const injections = {
      epoll_wait: { error: EINTR, chance: 0.5 },
      recvmsg: { error: EINTR, chance: 0.3 },
      sendto: { error: EINTR, chance: 0.3 },
    };
    const sends = { ...kind, sends: 1500, signal: 'SIGUSR2', injections } as const;
    const { program, report, receiver } = await startSends(rig, sends, { testBuild: true });
    await program.next('ready');
    const storm = setInterval(() => {
      for (let i = 0; i < 50; i++) process.kill(program.pid, 'SIGUSR2');
    }, 1);
    const sent = program.next('sent').finally(() => clearInterval(storm));
    await sent;
    const done = await report();
    expectBalanced(done);
    expect(done.closed.outcome).toBe('drained');
    expect(done.how).toEqual({ zerocopy: done.ids });
    expect(done.signals).toBeGreaterThan(100);
    for (const count of Object.values(done.struck)) expect(count).toBeGreaterThan(20);
    const { bytes } = done;
    expect(await stopWhenQuiet(receiver)).toMatchObject({ bytes, wrongBytes: 0, checked: true });
  });

  it.each([
    ['as they meet the next send', []],
    ['and on the error queue, by IP_RECVERR', [[SOL_IP, IP_RECVERR, 1] as const]],
  ])('while ICMP says that nobody listens: %s', async (_, setOptions) => {
    const rig = await rigUp('veth');
    const { port } = await stoppedReceiver(rig); // answers "port unreachable"
    const target = { address: rig.receiverAddress.v4, port };
    const sends = { ...udp, ...target, sends: 2000, setOptions };
    const program = new Inside(rig, 'sends', sends, { testBuild: true });
    const done = (await program.report()) as SendsReport;
    expectBalanced(done);
    expect(done).toMatchObject({ errors: [], thrown: {}, closed: { outcome: 'drained' } });
    expect(done.stats.softErrors + done.stats.icmpMessages).toBeGreaterThan(0);
    if (setOptions.length > 0) expect(done.stats.icmpMessages).toBeGreaterThan(0);
  });
});

async function stoppedReceiver(rig: Rig) {
  const receiver = await startReceiver({ protocol: 'udp', namespace: rig.receiver });
  await receiver.stop();
  return receiver;
}

function needsUsers() {
  const tools = hasTool('setpriv') && hasTool('prlimit');
  return needs(isRoot() && tools, 'root, setpriv and prlimit');
}
