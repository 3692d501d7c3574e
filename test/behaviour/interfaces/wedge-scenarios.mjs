// @ts-check
// What stops a transmit ring: a kick that ends half-way, and frames that the kernel calls malformed.
import { execFileSync, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { PacketSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { codeOf } from './kinds.mjs';

/** @typedef {import('./kinds.mjs').Kind} Kind @typedef {import('./kinds.mjs').Place} Place */

const ip = (/** @type {string} */ words) => execFileSync('ip', words.split(' '));

const take = (/** @type {import('zerosend').PacketSocket} */ socket) =>
  /** @type {import('zerosend').PooledBuffer} */ (socket.pool.tryAcquire());

/** Takes so many, and answers them by number. */
function takeSeveral(
  /** @type {import('zerosend').PacketSocket} */ socket,
  /** @type {number} */ count,
) {
  const buffers = Array.from({ length: count }, () => take(socket));
  return {
    buffers,
    nth: (/** @type {number} */ i) => /** @type {import('zerosend').PooledBuffer} */ (buffers[i]),
  };
}

/** Resolves when every id has completed, or after `ms`. */
const flushed = (/** @type {import('zerosend').PacketSocket} */ socket, ms = 20_000) =>
  Promise.race([socket.flush(), delay(ms, null, { ref: false })]);

/** An Ethernet frame that nobody listens for, with its number behind the header. */
function lay(/** @type {Buffer} */ bytes, /** @type {number} */ number, offset = 0) {
  bytes.fill(0, 0, offset + 100);
  bytes.write('ffffffffffff02000000000188b5', offset, 'hex');
  bytes.writeUInt32BE(number, offset + 14);
}

/**
 * More frames than the send buffer holds, sent through `how`; nobody sends or polls afterwards.
 *
 * @param {Kind} how 'packet': one by one; other words: in runs
 */
export async function halfKick(how, /** @type {Place} */ place) {
  const frames = 8192;
  const socket = await PacketSocket.open({ interface: place.interface, frames, frameSize: 2016 });
  const ids = IdChecker.of(socket);
  if (how === 'packet') {
    for (let i = 0; i < frames; i++) {
      const buffer = take(socket);
      lay(buffer.bytes, i);
      socket.send(buffer, 1400);
    }
  } else {
    for (let left = frames; left > 0; ) {
      const run = socket.pool.tryAcquireRun(Math.min(left, 256));
      if (run === null) throw new Error('no run');
      for (let i = 0; i < run.count; i++) lay(run.bytes(i), i);
      left -= run.count;
      socket.sendMany(run, 1400);
    }
  }
  await delay(0); // the last poll of the turn is over
  const { sendBufferSize } = socket.info();
  await flushed(socket);
  const { kicks } = socket.stats();
  const report = await socket.close({ timeout: 5000 });
  return { sendBufferSize, kicks, report, ...ids.result() };
}

/** The same, closed at once: what the kick left is kicked while the socket closes. */
export async function halfKickClosed(/** @type {Kind} */ _kind, /** @type {Place} */ place) {
  const frames = 8192;
  const socket = await PacketSocket.open({ interface: place.interface, frames, frameSize: 2016 });
  const ids = IdChecker.of(socket);
  for (let i = 0; i < frames; i++) {
    const buffer = take(socket);
    lay(buffer.bytes, i);
    socket.send(buffer, 1400);
  }
  const report = await socket.close({ timeout: 20_000 });
  return { report, ...ids.result() };
}

/**
 * The MTU shrinks between a send and the kick, so that the kernel finds frames malformed which were
 * right. Frames behind them are of the same call, of later ones, and acquired before.
 */
export async function malformedAlone(/** @type {Kind} */ _kind, /** @type {Place} */ place) {
  const socket = await PacketSocket.open({
    interface: place.interface,
    frames: 64,
    frameSize: 2016,
    init: (bytes, index) => bytes.fill(index, 1500),
  });
  const ids = IdChecker.of(socket);
  /** @type {string[]} */
  const ends = [];
  socket.on('complete', ({ first, last, how }) => ends.push(`${first}-${last} ${how}`));
  const send = (
    /** @type {import('zerosend').PooledBuffer} */ buffer,
    /** @type {number} */ length,
  ) => {
    lay(buffer.bytes, socket.nextId);
    return socket.send(buffer, length);
  };
  const { nth } = takeSeveral(socket, 8);
  send(nth(0), 900);
  send(nth(1), 1400);
  send(nth(2), 900);
  send(nth(3), 1400);
  send(nth(4), 1400);
  send(nth(5), 900);
  ip(`link set ${place.interface} mtu 1000`);
  socket.poll();
  await delay(20);
  // These were acquired before anything failed, so they stand behind what failed.
  send(nth(6), 900);
  send(nth(7), 900);
  await flushed(socket);
  const behind = socket.inFlight;
  const templates = [1, 3, 4].map((index) => {
    const bytes = nth(index).bytes;
    return bytes.subarray(1500, 1510).every((byte) => byte === index);
  });
  ip(`link set ${place.interface} mtu 1500`);
  // And the ring goes on, round and round.
  for (let sent = 0; sent < 300; sent++) {
    const buffer = socket.pool.tryAcquire() ?? (await socket.pool.acquire());
    send(buffer, 900);
  }
  await flushed(socket);
  const report = await socket.close();
  return { ends: ends.slice(0, 20), behind, templates, report, ...ids.result() };
}

/** As malformedAlone(), with an offload header before each frame, or the kernel's link header. */
export async function malformedOtherwise(/** @type {Kind} */ _kind, /** @type {Place} */ place) {
  /** @type {Record<string, unknown>} */
  const seen = {};
  const linkLayer = { destination: '02:00:00:00:00:02', protocol: 0x88b5 };
  for (const [name, options, extra] of /** @type {[string, object, number][]} */ ([
    ['cooked', { linkLayer }, 0],
    ['bypass', { qdiscBypass: true }, 0],
    ['offload', { virtioNetHeader: true }, 10],
  ])) {
    const socket = await PacketSocket.open({
      interface: place.interface,
      frames: 32,
      frameSize: 2016,
      ...options,
    });
    const ids = IdChecker.of(socket);
    const buffers = [900, 1400, 900, 900].map((length) => {
      const buffer = take(socket);
      lay(buffer.bytes, length, extra);
      buffer.bytes.fill(0, 0, extra);
      socket.send(buffer, length + extra);
      return buffer;
    });
    // The kernel has not looked yet: what was right becomes wrong under its hands.
    if (extra > 0) /** @type {{ bytes: Buffer }} */ (buffers[1]).bytes[1] = 9;
    else ip(`link set ${place.interface} mtu 1000`);
    await flushed(socket, 5000);
    ip(`link set ${place.interface} mtu 1500`);
    for (let sent = 0; sent < 100; sent++) {
      const buffer = socket.pool.tryAcquire() ?? (await socket.pool.acquire());
      lay(buffer.bytes, sent, extra);
      buffer.bytes.fill(0, 0, extra);
      socket.send(buffer, 200 + extra);
    }
    await flushed(socket, 5000);
    const report = await socket.close({ timeout: 1000 });
    seen[name] = { report, ...ids.result() };
  }
  return seen;
}

/** Offload headers of every kind: what is refused, and whether what is not goes out. */
export async function offloads(/** @type {Kind} */ _kind, /** @type {Place} */ place) {
  const socket = await PacketSocket.open({
    interface: place.interface,
    frames: 64,
    frameSize: 65_000,
    virtioNetHeader: true,
  });
  const ids = IdChecker.of(socket);
  const IP4 = 0x0800;
  const IP6 = 0x86dd;
  const put = (
    /** @type {import('zerosend').PooledBuffer} */ { bytes },
    {
      flags = 1,
      type = 1,
      header = 54,
      size = 1448,
      start = 34,
      offset = 16,
      ether = IP4,
      tags = 0,
      doff = 5,
      protocol = undefined,
    },
  ) => {
    bytes.fill(0, 0, 200);
    bytes[0] = flags;
    bytes[1] = type;
    bytes.writeUInt16LE(header, 2);
    bytes.writeUInt16LE(size, 4);
    bytes.writeUInt16LE(start, 6);
    bytes.writeUInt16LE(offset, 8);
    bytes.write('ffffffffffff020000000001', 10, 'hex');
    let at = 22;
    for (let i = 0; i < tags; i++, at += 4) bytes.writeUInt16BE(0x8100, at);
    bytes.writeUInt16BE(ether, at);
    bytes[at + 2] = ether === IP6 ? 0x60 : 0x45;
    bytes[at + 2 + (ether === IP6 ? 6 : 9)] = protocol ?? ((type & 7) === 5 || type === 3 ? 17 : 6);
    if ((type & 0x7f) === 1 || type === 4) bytes[10 + start + 12] = doff << 4;
  };
  /** @type {[string, object, number][]} */
  const kinds = [
    ['tcp4', {}, 3000],
    ['tcp4Ecn', { type: 0x81 }, 3000],
    ['tcp4Tagged', { start: 38, header: 58, tags: 1 }, 3000],
    ['tcp6', { type: 4, start: 54, header: 74, ether: IP6 }, 3000],
    ['udp4', { type: 5, offset: 6, header: 42, size: 1000 }, 3000],
    ['checksumOnly', { type: 0, size: 0, header: 0 }, 200],
    ['tcp4OnIp6', { ether: IP6 }, 3000],
    ['tcp6OnIp4', { type: 4, start: 54, header: 74 }, 3000],
    ['udpOnArp', { type: 5, offset: 6, header: 42, ether: 0x0806 }, 3000],
    ['byFrags', { size: 0xffff }, 3000],
    ['noSize', { size: 0 }, 3000],
    ['ecnAlone', { type: 0x80 }, 3000],
    ['accurateEcn', { type: 0x11 }, 3000],
    ['tunnel', { type: 0x21 }, 3000],
    ['udpEcn', { type: 0x85, offset: 6, header: 42 }, 3000],
    ['tcpChecksumElsewhere', { offset: 6 }, 3000],
    ['udpChecksumElsewhere', { type: 5, offset: 16, header: 42 }, 3000],
    ['udpTooManySegments', { type: 5, offset: 6, header: 42, size: 10 }, 3000],
    ['startInLinkHeader', { type: 0, size: 0, start: 10, header: 0 }, 200],
    ['startInIp6Header', { type: 4, start: 38, ether: IP6 }, 3000],
    ['noRoomForTcp', { start: 80, offset: 16, header: 0 }, 109],
    ['headerBeyond', { header: 4000 }, 3000],
    ['checksumBeyond', { type: 0, size: 0, start: 180, offset: 30, header: 0 }, 200],
    ['checksumFarOff', { type: 0, size: 0, start: 65_000, offset: 10, header: 0 }, 64_990],
    ['noChecksum', { flags: 0 }, 3000],
    ['notTcp', { protocol: 1 }, 3000],
    ['shortTcpHeader', { doff: 4 }, 3000],
    ['tcpHeaderBeyond', { doff: 15, header: 54, size: 10 }, 100],
  ];
  /** @type {Record<string, string | null>} */
  const codes = {};
  for (const [name, fields, length] of kinds) {
    const buffer = take(socket);
    put(buffer, fields);
    codes[name] = codeOf(() => socket.send(buffer, length));
    if (codes[name] !== null) buffer.release();
    // Behind each, a good one.
    const good = take(socket);
    lay(good.bytes, 0, 10);
    good.bytes.fill(0, 0, 10);
    socket.send(good, 110);
    await flushed(socket);
  }
  // One wrong header among several: none goes out, and the error says which.
  const { buffers: batch, nth } = takeSeveral(socket, 4);
  for (const buffer of batch) put(buffer, {});
  put(nth(2), { size: 0xffff });
  let batchError;
  try {
    socket.sendMany(batch, 3000);
  } catch (error) {
    const { code, index } = /** @type {{ code: string, index: number }} */ (error);
    batchError = { code, index };
  }
  put(nth(2), {});
  socket.sendMany(batch, 3000);
  const run = /** @type {import('zerosend').BufferRun} */ (socket.pool.tryAcquireRun(3));
  for (let i = 0; i < 3; i++) put(/** @type {never} */ ({ bytes: run.bytes(i) }), {});
  run.bytes(1)[1] = 9;
  let runError;
  try {
    socket.sendMany(run, 3000);
  } catch (error) {
    const { code, index } = /** @type {{ code: string, index: number }} */ (error);
    runError = { code, index };
  }
  run.release();
  await flushed(socket);
  const report = await socket.close();
  return { codes, good: kinds.length, batchError, runError, report, ...ids.result() };
}

/** A device without a link header. */
export async function noLinkHeader(/** @type {Kind} */ _kind, /** @type {Place} */ _place) {
  ip('tuntap add tun0 mode tun');
  ip('link set tun0 mtu 1400 up');
  const program =
    'import fcntl,struct,os\n' +
    "f=os.open('/dev/net/tun',os.O_RDWR); fcntl.ioctl(f,0x400454ca,struct.pack('16sH14x',b'tun0',0x1001))\n" +
    "print('on',flush=True)\n" +
    'while True: print(len(os.read(f,70000)),flush=True)';
  const reader = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  /** @type {number[]} */
  const arrived = [];
  let text = '';
  reader.stdout.on('data', (chunk) => {
    text += chunk;
    const lines = text.split('\n');
    text = /** @type {string} */ (lines.pop());
    for (const line of lines) arrived.push(Number(line));
  });
  const until = async (/** @type {() => boolean} */ condition) => {
    for (let i = 0; i < 1000 && !condition(); i++) await delay(10);
  };
  await until(() => arrived.length > 0);
  arrived.length = 0;
  /** @type {Record<string, unknown>} */
  const seen = {};
  try {
    for (const [name, options, extra] of /** @type {[string, object, number][]} */ ([
      ['plain', {}, 0],
      ['offload', { virtioNetHeader: true }, 10],
    ])) {
      const socket = await PacketSocket.open({ interface: 'tun0', frames: 64, ...options });
      const ids = IdChecker.of(socket);
      /** @type {Record<number, string | null>} */
      const codes = {};
      for (const length of [1, 20, 100, 1400, 1401, 1404, 1414, 100]) {
        const frame = take(socket);
        frame.bytes.fill(0, 0, 2000);
        frame.bytes.set([0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 9, 17], extra);
        frame.bytes.set([198, 18, 5, 1, 198, 18, 5, 2], extra + 12);
        // What looks like a tag where Ethernet would have one makes no frame longer.
        frame.bytes.set([0x81, 0], extra + 12);
        codes[length] = codeOf(() => socket.send(frame, length + extra));
        if (codes[length] !== null) frame.release();
      }
      await flushed(socket);
      await until(() => arrived.filter((length) => length === 1400).length > 0);
      const { maxSendLength } = socket.info();
      const report = await socket.close();
      seen[name] = { codes, maxSendLength, report, arrived: arrived.splice(0), ...ids.result() };
    }
  } finally {
    reader.kill();
  }
  return seen;
}

/**
 * Frames that the way out drops each time: the other end of a veth pair, whose MTU is smaller; a
 * queueing discipline that they are too large for. The rest has to get by.
 */
export async function droppedAlone() {
  /** @type {Record<string, unknown>} */
  const seen = {};
  ip('link add zsd0 type veth peer name zsd1');
  ip('link set zsd1 mtu 1500 up');
  ip('link set zsd0 mtu 3000 up');
  for (const how of ['peer', 'queue']) {
    if (how === 'queue') {
      execFileSync(
        'tc',
        'qdisc add dev zsd0 root tbf rate 100mbit burst 1600 limit 1mb'.split(' '),
      );
    }
    const socket = await PacketSocket.open({ interface: 'zsd0', frames: 64, frameSize: 4064 });
    const ids = IdChecker.of(socket);
    for (const length of [100, 2000, 100, 2000, 2000, 100]) {
      const buffer = take(socket);
      lay(buffer.bytes, 0);
      socket.send(buffer, length);
    }
    await flushed(socket);
    const { refusedFrames } = socket.stats();
    const report = await socket.close({ timeout: 1000 });
    seen[how] = { refused: refusedFrames > 0, report, ...ids.result() };
  }
  return seen;
}
