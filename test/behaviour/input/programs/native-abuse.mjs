// @ts-check
// Calls the addon as no sane program would: every function, each argument now and then a sound one
// and mostly not. Prints what it saw; that it gets so far is the point.
import { createSocket } from 'node:dgram';
import { once as event } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { hostileValues, randomFrom } from './hostile-values.mjs';

const given = JSON.parse(process.argv[2] ?? '{}');
const native = createRequire(import.meta.url)(given.addon);
const random = randomFrom(given.seed);
/** @template T @param {readonly T[]} list @returns {T} */
const pick = (list) => /** @type {T} */ (list[random(list.length)]);

const { REFUSED, hostile, isOurs } = hostileValues(native, random);

/** @type {number[]} living ones and ones that have been closed */
const sockets = [];
/** @type {{ handle: number, slab: number }[]} of those, the ones with a ring */
const rings = [];
/** @type {number[]} */
const slabs = [];
// What is sent from plain memory has to stay until it has completed: that is the caller's part.
/** @type {Uint8Array[]} */
const plain = [];

// A port with a listener of both sorts, which takes whatever comes. Nothing goes anywhere else.
const tcp = createServer((peer) => void peer.on('error', () => {}).resume()).listen(0, '127.0.0.1');
await event(tcp, 'listening');
const { port: sink } = /** @type {import('node:net').AddressInfo} */ (tcp.address());
const udp = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 }).bind(sink, '127.0.0.1');
await event(udp, 'listening');
let arrived = false;
udp.on('message', (message) => {
  arrived ||= message.toString() === 'the last word';
});

const strange = ['127.0.0.1\0', 'fe80::1%none', '', 'x'.repeat(70_000), 'é'];
const addresses = [...Array(15).fill('127.0.0.1'), ...Array(5).fill('::1'), ...strange];
const ports = [sink, sink, sink + 65_536];

const OPTIONS = [
  ...['reuseAddress', 'reusePort', 'ttl', 'tos', 'priority', 'mark', 'broadcast', 'multicastTtl'],
  ...['multicastLoop', 'multicastInterface', 'keepAlive', 'keepAliveIdle', 'userTimeout', 'none'],
];

const sound = {
  socket: () => pick(sockets) ?? 1,
  slab: () => pick(slabs) ?? 1,
  slot: () => pick([0, 0, 0, 1, 4]),
  length: () => pick([1, 100, 4096, 20_000, 65_000]),
  flags: () => pick([0, 1, 1, 1, 2, 3, 6, 7, 8, 9, 15, 16, 48, 63]),
  option: () => pick(OPTIONS),
  value: () => pick([0, 1, 7, 255, 2 ** 32 - 1, 'lo', 'none0']),
  bytes() {
    const bytes = new Uint8Array(pick([1, 100, 20_000]));
    plain.push(bytes);
    return bytes;
  },
  count: () => pick([1, 2, 2, 4, 8, 1024]),
  cells: () => new Int32Array(new SharedArrayBuffer(native.constants.cellsSize)),
  port: () => pick(ports),
  address: () => pick(addresses),
  end() {
    const end = { address: maybe(sound.address, 9), port: sound.port() };
    return random(30) === 0 ? hostile() : end;
  },
  request() {
    const request = {
      remote: random(6) > 0 ? sound.end() : undefined,
      local: random(9) === 0 ? { address: maybe(sound.address, 9), port: 0 } : undefined,
      family: maybe(() => pick([4, 4, 6]), 9),
      interface: random(20) === 0 ? pick(['lo', 'none', 'x'.repeat(5000), 'lo\0', '']) : undefined,
      sendBufferSize: maybe(() => pick([0, 1, 4096, 1 << 20]), 9),
      segmentSize: maybe(() => pick([0, 0, 0, 500, 1400, 65_507, 1 << 20]), 9),
      zeroCopy: maybe(() => true, 9),
      maxQueuedSends: maybe(() => pick([1024, 1024, 1, 0]), 9),
      settings: maybe(() => ({ [pick(OPTIONS)]: maybe(sound.value, 9) }), 9),
    };
    return withGetter(request);
  },
  packet: () =>
    withGetter({
      interface: maybe(() => pick(['lo', 'lo', 'none']), 9),
      frames: maybe(() => pick([1, 16, 65_536]), 9),
      frameSize: maybe(() => pick([64, 2016, 131_040, 1 << 30]), 9),
      qdiscBypass: maybe(() => random(2) > 0, 9),
      virtioNetHeader: maybe(() => random(2) > 0, 9),
      cooked: maybe(() => random(2) > 0, 9),
      protocol: maybe(() => random(70_000), 9),
      destination: maybe(() => Buffer.alloc(pick([0, 6, 6, 9000])), 9),
    }),
  xdp: () =>
    withGetter({
      interface: maybe(() => pick(['lo', 'lo', 'none']), 9),
      queue: maybe(() => pick([0, 0, 1, 70_000]), 9),
      mode: maybe(() => random(4), 9),
      slab: maybe(sound.slab, 9),
      deadline: maybe(() => random(100), 9),
    }),
};

/** The same object, now and then with a getter that throws. @param {object} object */
function withGetter(object) {
  if (random(20) > 0) return object;
  const get = () => {
    throw REFUSED;
  };
  return Object.defineProperty(object, pick(Object.keys(object)), { get });
}

/** A sound value, or once in so many times a hostile one. @param {() => unknown} make @param {number} in_ */
const maybe = (make, in_) => (random(in_) === 0 ? hostile() : make());

/** @param {unknown} value */
const isErrno = (value) =>
  Number.isInteger(value) && Number(value) <= 1024 && Number(value) > -20_000;
/** @param {any} value */
const isFailure = (value) =>
  Number.isInteger(value?.errno) && value.errno > 0 && value.syscall !== '';
/** @param {unknown} value */
const isNothing = (value) => value === undefined;
/** @param {unknown} value */
const isBoolean = (value) => typeof value === 'boolean';
/** @param {any} value */
const isOpened = (value) => isFailure(value) || (value.handle > 0 && value.fd > 2);

const { socket, slab, length, flags, bytes, count, address, port, request, packet, xdp } = sound;
const { option, value, cells } = sound;
/**
 * Each function: its arguments, what its answer has to be, and how often it is called.
 * @type {Record<string, { args: (() => unknown)[], right: (value: any) => boolean, often: number }>}
 */
const functions = {
  send: { args: [], right: (value) => isNothing(value) && isErrno(call[5]), often: 20 },
  sendPlain: { args: [socket, bytes, length, flags], right: isErrno, often: 15 },
  sendExtents: {
    args: [socket, () => pick([1, 1, 2, 3]), flags, bytes, bytes, bytes],
    right: isErrno,
    often: 15,
  },
  sendMany: {
    args: [socket, count, () => pick([0, 0, 0, 0, flags()])],
    right: isErrno,
    often: 24,
  },
  sendRun: { args: [], right: (value) => isNothing(value) && isErrno(call[5]), often: 20 },
  sendPacket: { args: [socket, count], right: isErrno, often: 5 },
  skip: { args: [socket, count], right: isErrno, often: 5 },
  poll: { args: [socket], right: isErrno, often: 15 },
  lookBack: { args: [], right: isErrno, often: 10 },
  arm: { args: [socket], right: isErrno, often: 8 },
  setAlarm: { args: [() => pick([0, 1, 1e6, 1e18])], right: isErrno, often: 4 },
  openTcp: { args: [request], right: isOpened, often: 2 },
  openUdp: { args: [request], right: isOpened, often: 6 },
  openPacket: { args: [packet], right: isOpened, often: 1 },
  openXdp: { args: [xdp], right: isOpened, often: 1 },
  beginClose: { args: [socket], right: isNothing, often: 1 },
  abort: { args: [socket], right: isNothing, often: 1 },
  close: { args: [socket], right: isNothing, often: 2 },
  counters: { args: [socket], right: Array.isArray, often: 3 },
  ends: { args: [socket], right: (value) => typeof value === 'object', often: 3 },
  describe: { args: [socket], right: (value) => typeof value === 'object', often: 3 },
  wayOut: {
    args: [() => ({ address: address(), port: port() }), () => pick([undefined, 'lo', 'none0'])],
    right: (value) => isFailure(value) || Array.isArray(value.qdiscs),
    often: 1,
  },
  devices: { args: [], right: (value) => isFailure(value) || Array.isArray(value), often: 1 },
  progress: { args: [socket], right: (value) => value >= 0, often: 3 },
  conclude: { args: [socket], right: (value) => value >= 0, often: 1 },
  unacknowledged: { args: [socket], right: (value) => value >= 0, often: 3 },
  setDestination: { args: [address, port], right: isBoolean, often: 5 },
  setSocketOption: {
    args: [socket, option, value],
    right: (answer) => answer === null || isFailure(answer),
    often: 5,
  },
  maxSegments: { args: [], right: (value) => value === 64 || value === 128, often: 1 },
  keepAlive: { args: [() => random(2) > 0], right: isNothing, often: 2 },
  claim: { args: [], right: (value) => value.mailbox instanceof ArrayBuffer, often: 1 },
  startSubmitter: {
    args: [() => shared, () => pick([0, 50_000])],
    right: (value) => isNothing(value) || isFailure(value),
    often: 1,
  },
  useSubmitter: { args: [socket, cells], right: isBoolean, often: 4 },
  wakeSubmitter: { args: [], right: isNothing, often: 5 },
  takeIn: { args: [], right: isNothing, often: 3 },
  handOver: { args: [socket], right: isNothing, often: 8 },
  pollSubmitted: { args: [socket], right: isNothing, often: 8 },
  submitPlain: { args: [socket, bytes, length, flags], right: isErrno, often: 8 },
  checkLines: { args: [socket, count, () => random(2) > 0], right: isErrno, often: 5 },
  copyDestination: { args: [], right: isNothing, often: 2 },
  pumpStream: { args: [], right: isNothing, often: 5 },
  submitterFigures: { args: [socket], right: Array.isArray, often: 2 },
  setDeliver: { args: [() => () => {}], right: isNothing, often: 1 },
  createSlab: {
    args: [
      () => pick([65_536, 65_536, 65_536, 4096, 2048, 5]),
      () => pick([5, 100, 1]),
      () => random(4),
    ],
    right: (value) => isFailure(value) || value.memory instanceof ArrayBuffer,
    often: 3,
  },
  releaseSlab: { args: [slab], right: isNothing, often: 1 },
};

const missing = Object.keys(native).filter(
  (name) => typeof native[name] === 'function' && !(name in functions),
);
const names = Object.entries(functions).flatMap(([name, { often }]) => Array(often).fill(name));
const requests = new Uint32Array(native.mailbox, native.constants.requestsOffset, 4096);
const call = new Int32Array(native.mailbox, native.constants.callOffset, 6);
const begins = new Uint32Array(native.mailbox, native.constants.beginsOffset, 1024);
const shared = new Int32Array(new SharedArrayBuffer(native.constants.sharedSize));
const destinations = new Uint32Array(native.mailbox, native.constants.destinationsOffset, 8192);
/** @type {Record<string, number>} */
const tally = {};
/** @type {string[]} */
const wrong = [];

/** @param {string} key */
const add = (key) => {
  tally[key] = (tally[key] ?? 0) + 1;
};

/**
 * Only what a getter of ours has thrown may come back, or what Node.js itself refuses.
 * @param {string} name @param {unknown} error
 */
function judge(name, error) {
  const { code } = /** @type {NodeJS.ErrnoException} */ (error);
  if (isOurs(error) || (name === 'createSlab' && code === 'ERR_BUFFER_TOO_LARGE')) return;
  wrong.push(`${name} threw ${error}`);
}

function scribble() {
  const whole = () => [sound.slab(), sound.slot(), sound.length(), sound.flags()];
  /** @param {number[]} numbers */
  const mostly = (numbers) => (random(25) > 0 ? numbers : numbers.map(() => random(2 ** 32)));
  for (let i = 0; i < 4 * 8; i += 4) requests.set(mostly(whole()), i);
  call.set(mostly([sound.socket(), ...whole()]));
  scribbleAims(mostly);
}

/** Where messages begin and go. @param {(numbers: number[]) => number[]} mostly */
function scribbleAims(mostly) {
  for (let i = 0; i < 8; i++) {
    begins.set(mostly([pick([0, 0, 1, 100, 4096])]), i);
    // What setDestination() has written is in the first place.
    destinations.set(mostly([...destinations.subarray(0, 8)]), 8 * i);
  }
}

/** Handle, slab, first slot and number; the lengths are in `requests`, most of them right for a frame. */
function scribbleRun() {
  const { handle, slab } = pick(rings) ?? { handle: 1, slab: 1 };
  const of = random(4) ? [handle, slab] : [sound.socket(), sound.slab()];
  const run = [...of, pick([0, 0, 1, 4, 8]), pick([1, 2, 8, 64]), sound.flags()];
  const sane = random(25) > 0;
  call.set(sane ? run : run.map((number) => (random(2) ? number : random(2 ** 32))));
  const length = () => (random(200) === 0 ? random(2 ** 32) : pick([60, 64]));
  requests.set(Array.from({ length: 64 }, length));
}

/** What is published for the submission thread: sends and runs, of which the lengths may follow. */
function scribbleLines() {
  const { lines, linesOffset, wordsOfLine } = native.constants;
  const published = random(4);
  for (let i = 0; i < published; i++) {
    const at = ((Number(shared[0]) + i) & (lines - 1)) * wordsOfLine;
    const operation = pick([1, 1, 2]) | pick([0, 256, 512, 768]);
    const line = [operation, sound.socket(), sound.slab(), sound.slot(), sound.length()];
    line.push(pick([1, 2, 8]), pick([0, 0, 1]), 0, ...destinations.subarray(0, 8));
    const sane = random(25) > 0;
    const written = sane ? line : line.map((word) => (random(2) ? word : random(2 ** 32)));
    shared.set(written, linesOffset / 4 + at);
  }
  // The tail; now and then where it cannot be.
  Atomics.add(shared, 0, random(200) === 0 ? random(2 ** 32) : published);
  // One position of the others: what has been read of the records, who sleeps, who is awaited.
  if (random(50) === 0) Atomics.store(shared, 16 * random(8), random(2 ** 32));
}

/** @param {number[]} handles @param {unknown} handle */
function forget(handles, handle) {
  const at = handles.indexOf(/** @type {number} */ (handle));
  if (at >= 0 && random(4) > 0) handles.splice(at, 1);
}

function once() {
  const name = pick(names);
  const { args, right } = /** @type {(typeof functions)[string]} */ (functions[name]);
  // Half of the calls are sound, so that there is something to break.
  const odds = random(2) === 0 ? 4 : 1000;
  const values = args.map((make) => maybe(make, odds));
  if (random(40) === 0) values.length = random(values.length + 1);
  if (random(40) === 0) values.push(hostile());
  if (name.startsWith('send')) scribble();
  if (name === 'sendRun') scribbleRun();
  if (/submit|handOver|takeIn|checkLines/i.test(name)) scribbleLines();
  let result;
  try {
    result = random(200) === 0 ? Reflect.construct(native[name], values) : native[name](...values);
  } catch (error) {
    judge(name, error);
    add(`${name} threw`);
    return;
  }
  if (name === 'createSlab' && result?.handle) slabs.push(result.handle);
  if (name.startsWith('open') && result?.handle) {
    sockets.push(result.handle);
    add(`${name} opened`);
  }
  if (/^open(Packet|Xdp)$/.test(name) && result?.handle) {
    rings.push({ handle: result.handle, slab: result.slab ?? values[0]?.slab ?? 0 });
    if (rings.length > 4) rings.shift();
  }
  if (name === 'openPacket' && result?.slab) slabs.push(result.slab);
  if (name === 'poll' && result > 0) add('polls with records');
  if (name === 'sendPlain' && result === 0) add('plain sends');
  if (name === 'send' && Number(call[5]) >= 0) add('sends');
  if (name === 'sendExtents' && result === 0) add('sends of parts');
  if (name === 'sendMany' && result === 0) add('sends at once');
  if (name === 'sendPacket' && result === 0) add('packets');
  if (name === 'useSubmitter' && result === true) add('sockets served');
  if (name === 'submitterFigures' && result[1] > 0) add('the thread has slept');
  if (name === 'sendRun' && Number(call[5]) >= 0) add('runs');
  // A handle that is gone is still tried now and then.
  if (name === 'close' || name === 'abort') forget(sockets, values[0]);
  if (name === 'releaseSlab') forget(slabs, values[0]);
  add(name);
  const answer = name === 'send' || name === 'sendRun' ? call[5] : result;
  if (name.startsWith('send') && Number(answer) < 0) add(`${name} ${answer}`);
  const constructed = typeof result === 'object' && Object.keys(result ?? {}).length === 0;
  if (!right(result) && !constructed) wrong.push(`${name} returned ${String(result)}`);
}

// No argument, too few of them and nothing but one hostile value: once for each function.
for (const name of Object.keys(functions)) {
  for (let number = 0; number < 6; number++) {
    for (let i = 0; i < 10; i++) {
      try {
        native[name](...Array.from({ length: number }, hostile));
      } catch (error) {
        judge(name, error);
      }
    }
  }
}
for (let call = 0; call < given.calls; call++) {
  once();
  if (sockets.length > 60) {
    native.close(sockets[0]);
    sockets.shift();
  }
  if (slabs.length > 30) native.releaseSlab(slabs.shift());
  if (call % 97 === 0) await turn(); // lets the poller deliver, and finalizers run
}

// After all of that a sound send still works.
const open = { remote: { address: '127.0.0.1', port: sink }, family: 4, zeroCopy: true };
const { handle } = native.openUdp({ ...open, maxQueuedSends: 1 });
const last = Buffer.from('the last word');
const sent = native.sendPlain(handle, last, last.length, 0);
let polled = 0;
for (let i = 0; i < 100 && polled === 0; i++) polled = native.poll(handle);
const batch = new Float64Array(native.mailbox, native.constants.batchOffset, 4);
const record = [...batch];
for (let i = 0; i < 500 && !arrived; i++) await sleep(10);
for (const one of sockets.slice(30)) native.abort(one);
native.keepAlive(false);
tcp.close().unref();
udp.close();
// The rest is left open, for the end of the process to take down.
const outcome = { missing, wrong: wrong.slice(0, 20), sent, arrived, record, handle };
process.stdout.write(JSON.stringify({ tally, ...outcome }), () => process.exit());
