import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BufferRun, type PacketOptions, PacketSocket, type PooledBuffer } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { createRig, type Rig } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { until, within } from '../../support/deadline.js';
import { addPair, ip, run } from '../../support/links.js';
import { hasTool, isRoot, needs, needsHere } from '../../support/requirements.js';
import { itInline } from '../../support/submit.js';
import { codeOf, EXACT, failureOf, layFrame, take } from './kinds.mjs';
import { stageOf } from './place.js';

const FRAMES = 8192;
const MALFORMED = 'ERR_ZEROSEND_FRAME_MALFORMED';
const slow = { rate: { rate: '200mbit', burst: '16kb', limit: '64mb' }, here: true };

describe('a kick that stops half-way', await needsRig('sink', slow), () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig('sink', slow);
  });
  afterAll(() => rig?.dispose());

  // Without CAP_NET_ADMIN the send buffer is what net.core.wmem_max allows.
  const without = ['--inh-caps', '--ambient-caps', '--bounding-set'].map(
    (set) => `${set}=-all,+net_raw`,
  );
  const unprivileged = ['--reuid=65534', '--clear-groups', ...without, process.execPath];
  const program = fileURLToPath(new URL('half-kick.mjs', import.meta.url));
  const kick = async (how: string) => {
    const args = [...unprivileged, program, rig.senderInterface.name, how];
    const { stdout } = await rig.sender.run('setpriv', args, { timeout: 60_000 });
    return JSON.parse(stdout);
  };
  const needed = needs(isRoot() && hasTool('setpriv'), 'root and the tool setpriv');
  const all = { ids: FRAMES, how: { zerocopy: FRAMES }, ...EXACT };
  const report = { outcome: 'drained', ids: FRAMES, unfinished: 0 };

  it.for([
    ['sent one by one', 'one by one'],
    ['sent in runs', 'in runs'],
  ] as const)('is tried again by the timer alone: frames %s', needed, async ([, how], context) => {
    const { sendBufferSize, kicks, ...seen } = await kick(how);
    needsHere(context, sendBufferSize < FRAMES * 2000, 'a small net.core.wmem_max');
    expect(seen).toMatchObject({ ...all, report });
    expect(kicks).toBeLessThan(FRAMES * 2); // it backs off, and never spins
  });

  it('is tried again while the socket closes', needed, async () => {
    expect(await kick('closed')).toMatchObject({ ...all, report });
  });
});

describe('frames that the kernel calls malformed', await needsRig('veth', { here: true }), () => {
  const stage = stageOf();

  async function open(options: Partial<PacketOptions> = {}) {
    const where = { interface: stage.interface, frames: 64, frameSize: 2016 };
    const socket = await PacketSocket.open({ ...where, ...options });
    /** A frame that nobody listens for, behind an offload header of `ahead` zeros. */
    const send = (buffer: PooledBuffer, length: number, ahead = 0) => {
      buffer.bytes.fill(0, 0, ahead);
      layFrame(buffer.bytes.subarray(ahead, ahead + 100));
      return socket.send(buffer, length + ahead);
    };
    const next = async () => socket.pool.tryAcquire() ?? (await socket.pool.acquire());
    const flushed = () => within(socket.flush(), 'all frames to leave');
    return { socket, pool: socket.pool, ids: IdChecker.of(socket), send, next, flushed };
  }

  // docs/submission-thread.md, "when the kernel is told of frames".
  itInline('fail alone: those behind go out in order, and the ring goes on', async () => {
    const opened = await open({ init: (bytes, index) => void bytes.fill(index, 1500) });
    const { socket, pool, ids, send, next, flushed } = opened;
    const ends: string[] = [];
    socket.on('complete', ({ first, last, how }) => void ends.push(`${first}-${last} ${how}`));
    const frames = Array.from({ length: 8 }, () => take(pool));
    const sendAll = (from: number, ...lengths: number[]) => {
      for (const [i, length] of lengths.entries()) send(frames[from + i] as PooledBuffer, length);
    };
    // The MTU shrinks between a send and the kick, so that the kernel finds malformed what was right.
    sendAll(0, 900, 1400, 900, 1400, 1400, 900);
    ip(`link set ${stage.interface} mtu 1000`);
    socket.poll();
    await delay(20);
    // These were acquired before anything failed, so they stand behind what failed.
    sendAll(6, 900, 900);
    await flushed();
    for (const index of [1, 3, 4]) {
      const template = frames[index]?.bytes.subarray(1500, 1510);
      expect(template).toEqual(Buffer.alloc(10, index));
    }
    ip(`link set ${stage.interface} mtu 1500`);
    // And the ring goes on, round and round.
    for (let sent = 0; sent < 300; sent++) send(await next(), 900);
    await flushed();
    expect((await socket.close()).unfinished).toBe(3);
    expect(ends.slice(0, 6)).toEqual([
      '0-0 zerocopy',
      '1-1 failed',
      '2-2 zerocopy',
      '3-4 failed',
      '5-5 zerocopy',
      '6-7 zerocopy',
    ]);
    expect(ids.result()).toEqual({ ids: 308, how: { zerocopy: 305, failed: 3 }, ...EXACT });
  });

  const linkLayer = { destination: '02:00:00:00:00:02', protocol: 0x88b5 };
  // docs/submission-thread.md, "when the kernel is told of frames".
  itInline.each<[string, Partial<PacketOptions>, number]>([
    ['cooked', { linkLayer }, 0],
    ['bypass', { qdiscBypass: true }, 0],
    ['offload', { virtioNetHeader: true }, 10],
  ])('fail alone: %s', async (_, options, ahead) => {
    const { socket, pool, ids, send, next, flushed } = await open({ frames: 32, ...options });
    const lengths = [900, 1400, 900, 900];
    const [, second] = lengths.map((length) => {
      const buffer = take(pool);
      send(buffer, length, ahead);
      return buffer;
    }) as [PooledBuffer, PooledBuffer];
    // The kernel has not looked yet: what was right becomes wrong under its hands.
    if (ahead > 0) second.bytes[1] = 9;
    else ip(`link set ${stage.interface} mtu 1000`);
    await flushed();
    ip(`link set ${stage.interface} mtu 1500`);
    for (let sent = 0; sent < 100; sent++) send(await next(), 200, ahead);
    await flushed();
    await socket.close();
    expect(ids.result()).toEqual({ ids: 104, how: { zerocopy: 103, failed: 1 }, ...EXACT });
  });

  it('fail alone: dropped each time by what is behind the interface', async (context) => {
    // The other end of the pair, whose MTU is smaller; a queueing discipline that they are too large for.
    const { name, peer } = addPair();
    ip(`link set ${peer} mtu 1500`);
    ip(`link set ${name} mtu 3000`);
    const dropped = async () => {
      const opened = await open({ interface: name, frameSize: 4064 });
      const { socket, pool, ids, send, flushed } = opened;
      for (const length of [100, 2000, 100, 2000, 2000, 100]) send(take(pool), length);
      await flushed();
      const refused = socket.stats().refusedFrames > 0;
      await socket.close({ timeout: 1000 });
      return { refused, ...ids.result() };
    };
    const behindPeer = await dropped();
    run(`tc qdisc add dev ${name} root tbf rate 100mbit burst 1600 limit 1mb`);
    const books = { refused: true, ids: 6, how: { zerocopy: 3, failed: 3 }, ...EXACT };
    expect(await dropped()).toEqual(books);
    // Before Linux 6.16 the driver of veth says nothing of what the other end does not take.
    needsHere(context, behindPeer.refused, 'a veth driver that reports drops');
    expect(behindPeer).toEqual(books);
  });

  it('do not reach the ring: offload headers', async () => {
    const opened = await open({ frameSize: 65_000, virtioNetHeader: true });
    const { socket, pool, ids, send, flushed } = opened;
    const IP4 = 0x0800;
    const IP6 = 0x86dd;
    const TCP4 = {
      ...{ flags: 1, type: 1, header: 54, size: 1448, start: 34, offset: 16 },
      ...{ ether: IP4, tags: 0, doff: 5, protocol: 0 },
    };
    const put = (bytes: Buffer, fields: Partial<typeof TCP4> = {}) => {
      const all = { ...TCP4, ...fields };
      const { flags, type, header, size, start, offset, ether, tags, doff, protocol } = all;
      bytes.fill(0, 0, 200);
      bytes.set([flags, type]);
      for (const [i, word] of [header, size, start, offset].entries()) {
        bytes.writeUInt16LE(word, 2 + 2 * i);
      }
      bytes.write('ffffffffffff020000000001', 10, 'hex');
      let at = 22;
      for (let i = 0; i < tags; i++, at += 4) bytes.writeUInt16BE(0x8100, at);
      bytes.writeUInt16BE(ether, at);
      bytes[at + 2] = ether === IP6 ? 0x60 : 0x45;
      const udp = (type & 7) === 5 || type === 3;
      bytes[at + 2 + (ether === IP6 ? 6 : 9)] = protocol || (udp ? 17 : 6);
      if ((type & 0x7f) === 1 || type === 4) bytes[10 + start + 12] = doff << 4;
    };
    const UDP4 = { type: 5, offset: 6, header: 42 };
    const CHECKSUM = { type: 0, size: 0, header: 0 };
    const kinds: [string, string | null, Partial<typeof TCP4>, number][] = [
      ['tcp4', null, {}, 3000],
      ['tcp4Ecn', null, { type: 0x81 }, 3000],
      ['tcp4Tagged', null, { start: 38, header: 58, tags: 1 }, 3000],
      ['tcp6', null, { type: 4, start: 54, header: 74, ether: IP6 }, 3000],
      ['udp4', null, { ...UDP4, size: 1000 }, 3000],
      ['checksumOnly', null, CHECKSUM, 200],
      ['tcp4OnIp6', MALFORMED, { ether: IP6 }, 3000],
      ['tcp6OnIp4', MALFORMED, { type: 4, start: 54, header: 74 }, 3000],
      ['udpOnArp', MALFORMED, { ...UDP4, ether: 0x0806 }, 3000],
      ['byFrags', MALFORMED, { size: 0xffff }, 3000],
      ['noSize', MALFORMED, { size: 0 }, 3000],
      ['ecnAlone', MALFORMED, { type: 0x80 }, 3000],
      ['accurateEcn', MALFORMED, { type: 0x11 }, 3000],
      ['tunnel', MALFORMED, { type: 0x21 }, 3000],
      ['udpEcn', MALFORMED, { ...UDP4, type: 0x85 }, 3000],
      ['tcpChecksumElsewhere', MALFORMED, { offset: 6 }, 3000],
      ['udpChecksumElsewhere', MALFORMED, { ...UDP4, offset: 16 }, 3000],
      ['udpTooManySegments', MALFORMED, { ...UDP4, size: 10 }, 3000],
      ['startInLinkHeader', MALFORMED, { ...CHECKSUM, start: 10 }, 200],
      ['startInIp6Header', MALFORMED, { type: 4, start: 38, ether: IP6 }, 3000],
      ['noRoomForTcp', MALFORMED, { start: 80, offset: 16, header: 0 }, 109],
      ['headerBeyond', MALFORMED, { header: 4000 }, 3000],
      ['checksumBeyond', MALFORMED, { ...CHECKSUM, start: 180, offset: 30 }, 200],
      ['checksumFarOff', MALFORMED, { ...CHECKSUM, start: 65_000, offset: 10 }, 64_990],
      ['noChecksum', MALFORMED, { flags: 0 }, 3000],
      ['notTcp', MALFORMED, { protocol: 1 }, 3000],
      ['shortTcpHeader', MALFORMED, { doff: 4 }, 3000],
      ['tcpHeaderBeyond', MALFORMED, { doff: 15, header: 54, size: 10 }, 100],
    ];
    for (const [name, code, fields, length] of kinds) {
      const buffer = take(pool);
      put(buffer.bytes, fields);
      expect(
        codeOf(() => socket.send(buffer, length)),
        name,
      ).toBe(code);
      if (code !== null) buffer.release();
      send(take(pool), 100, 10); // behind each, a good one
      await flushed();
    }
    // One wrong header among several: none goes out, and the error says which.
    const batch = Array.from({ length: 4 }, () => take(pool));
    for (const [i, { bytes }] of batch.entries()) put(bytes, i === 2 ? { size: 0xffff } : {});
    const refused = failureOf(() => socket.sendMany(batch, 3000));
    expect(refused).toMatchObject({ code: MALFORMED, index: 2 });
    put((batch[2] as PooledBuffer).bytes);
    socket.sendMany(batch, 3000);
    const frames = pool.tryAcquireRun(3) as BufferRun;
    for (let i = 0; i < 3; i++) put(frames.bytes(i));
    frames.bytes(1)[1] = 9;
    const runRefused = failureOf(() => socket.sendMany(frames, 3000));
    expect(runRefused).toMatchObject({ code: MALFORMED, index: 1 });
    frames.release();
    await flushed();
    expect((await socket.close()).outcome).toBe('drained');
    const zerocopy = kinds.length + 6 + 4;
    expect(ids.result()).toEqual({ ids: zerocopy, how: { zerocopy }, ...EXACT });
  });

  it(
    'do not reach the ring: a device without link header',
    needs(hasTool('python3'), 'the tool python3'),
    async () => {
      ip('tuntap add tun0 mode tun');
      onTestFinished(() => void ip('tuntap del tun0 mode tun'));
      ip('link set tun0 mtu 1400 up');
      const program =
        'import fcntl,struct,os\n' +
        "f=os.open('/dev/net/tun',os.O_RDWR); fcntl.ioctl(f,0x400454ca,struct.pack('16sH14x',b'tun0',0x1001))\n" +
        "print('on',flush=True)\n" +
        'while True: print(len(os.read(f,70000)),flush=True)';
      const reader = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] });
      onTestFinished(async () => {
        reader.kill();
        if (reader.exitCode === null) await once(reader, 'exit');
      });
      let arrived: string[] = [];
      createInterface({ input: reader.stdout }).on('line', (line) => void arrived.push(line));
      await until(() => arrived.includes('on'), 'the reader');
      const TOO_LONG = 'ERR_ZEROSEND_FRAME_TOO_LONG';
      for (const [options, ahead] of [[{}, 0] as const, [{ virtioNetHeader: true }, 10] as const]) {
        arrived = [];
        const where = { interface: 'tun0', frames: 64 };
        const socket = await PacketSocket.open({ ...where, ...options });
        const ids = IdChecker.of(socket);
        for (const length of [1, 20, 100, 1400, 1401, 1404, 1414, 100]) {
          const frame = take(socket.pool);
          frame.bytes.fill(0, 0, 2000);
          frame.bytes.set([0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 9, 17], ahead);
          frame.bytes.set([198, 18, 5, 1, 198, 18, 5, 2], ahead + 12);
          // What looks like a tag where Ethernet would have one makes no frame longer.
          frame.bytes.set([0x81, 0], ahead + 12);
          const code = codeOf(() => socket.send(frame, length + ahead));
          expect(code, `${length} bytes`).toBe(length > 1400 ? TOO_LONG : null);
          if (code !== null) frame.release();
        }
        await within(socket.flush(), 'all packets to leave');
        await until(() => arrived.includes('1400'), 'a packet of 1400 bytes');
        if (ahead === 0) expect(socket.info().maxSendLength).toBe(1400);
        await socket.close();
        expect(ids.result()).toEqual({ ids: 5, how: { zerocopy: 5 }, ...EXACT });
      }
    },
  );
});
