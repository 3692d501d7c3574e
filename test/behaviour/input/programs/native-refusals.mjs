// @ts-check
// What the addon answers to each wrong argument, beside sound ones.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';

const given = JSON.parse(process.argv[2] ?? '{}');
const native = createRequire(import.meta.url)(given.addon);
const udp = createSocket('udp4').bind(0, '127.0.0.1');
await once(udp, 'listening');
const remote = { address: '127.0.0.1', port: udp.address().port };
const request = { remote, family: 4, zeroCopy: true, maxQueuedSends: 8 };

/** @param {object} [more] */
const open = (more) => native.openUdp({ ...request, ...more }).handle;

const closed = open();
native.close(closed);
const socket = open(); // has the closed one's place in the table
const slab = native.createSlab(4096, 3, 2).handle;
const released = native.createSlab(4096, 3, 2).handle;
native.releaseSlab(released);
const bytes = new Uint8Array(100);
const lost = new Uint8Array(100);
structuredClone(lost.buffer, { transfer: [lost.buffer] });
const requests = new Uint32Array(native.mailbox, native.constants.requestsOffset, 4096);

requests.set([slab, 0, 10, 1]);

const call = new Uint32Array(native.mailbox, native.constants.callOffset, 6);

/** Asks for one send by slot; arguments and answer are in the mailbox. @param {number[]} asked */
function send(...asked) {
  call.set(asked);
  native.send();
  return (call[5] ?? 0) | 0;
}

/** Asks for three sends at once, the second of which is this one. @param {number[]} middle */
function sendThree(middle) {
  requests.set([slab, 0, 10, 1, ...middle, slab, 2, 10, 1]);
  return native.sendMany(socket, 3);
}

/**
 * Asks for a run of these lengths.
 * @param {number[]} asked handle, first slot, number
 */
function sendRun([handle = 0, first = 0, count = 0], lengths = Array(count).fill(60), of = slab) {
  requests.set(lengths.slice(0, requests.length));
  call.set([handle, of, first, count]);
  native.sendRun();
  return (call[5] ?? 0) | 0;
}

/** A part of slab, slot, length and offset, of a send to the socket that is returned. @param {number[]} part */
function writePart(part) {
  requests.set(part, 0);
  return socket;
}

/** @param {number[]} part */
function sendParts(part, to = socket) {
  writePart(part);
  return native.sendExtents(to, 1, 0, bytes);
}

const begins = new Uint32Array(native.mailbox, native.constants.beginsOffset, 1024);
const destinations = new Uint32Array(native.mailbox, native.constants.destinationsOffset, 8192);
const { flagDestination, flagEach, flagBegin, sharedSize, cellsSize } = native.constants;
const shared = (/** @type {number} */ size) => new Int32Array(new SharedArrayBuffer(size));

/**
 * Asks for what begins there, in a slot of 4096 bytes or an array of 100.
 * @param {number} begin @param {(flag: number) => number} ask
 */
function from(begin, ask) {
  begins.fill(0).set([begin], 2);
  begins.set([begin], 0);
  return ask(flagBegin);
}

/** As `send`, with flags of the call. @param {number} flags */
function runWith(flags) {
  requests.set([60, 60, 60]);
  call.set([socket, slab, 0, 3, flags]);
  native.sendRun();
  return (call[5] ?? 0) | 0;
}

/**
 * Asks for messages to an address of which one word is this.
 * @param {number} word which @param {number} value @param {() => number} ask
 */
function to(word, value, ask) {
  native.setDestination('127.0.0.1', udp.address().port);
  for (let i = 1; i < 3; i++) destinations.copyWithin(8 * i, 0, 8);
  destinations[word] = value;
  return ask();
}

const many = (/** @type {number} */ flags) => {
  requests.set([slab, 0, 10, 1, slab, 1, 10, 1, slab, 2, 10, 1]);
  return native.sendMany(socket, 3, flags);
};

const answers = {
  'begins beyond its slot': from(4096, (flag) => send(socket, slab, 0, 10, flag)),
  'begins far beyond its slot': from(2 ** 32 - 1, (flag) => send(socket, slab, 0, 10, flag)),
  'ends beyond its slot': from(4087, (flag) => send(socket, slab, 0, 10, flag)),
  'begins beyond its array': from(91, (flag) => native.sendPlain(socket, bytes, 10, flag)),
  'begins far beyond its array': from(2 ** 32 - 9, (flag) =>
    native.sendPlain(socket, bytes, 10, flag),
  ),
  'one of three begins beyond': from(4087, (flag) => native.sendMany(socket, 3, flag)),
  'one of a run begins beyond': from(4037, (flag) => runWith(flag)),
  'one of a run begins far beyond': from(2 ** 32 - 1, (flag) => runWith(flag)),
  'an address of no family': to(0, 7, () => send(socket, slab, 0, 10, flagDestination)),
  'an address that is too long': to(7, 29, () => send(socket, slab, 0, 10, flagDestination)),
  'an address of another length': to(7, 28, () => send(socket, slab, 0, 10, flagDestination)),
  'an address, plain': to(7, 3, () => native.sendPlain(socket, bytes, 10, flagDestination)),
  'one address of three': to(16 + 7, 2 ** 32 - 1, () => many(flagEach)),
  'one address of a run': to(16, 0xffff, () => runWith(flagEach)),
  'an address of all': to(0, 0xffff, () => many(flagDestination)),
  'flags that are text': native.sendMany(socket, 3, '4'),
  'no such socket': send(0, slab, 0, 10, 0),
  'a socket far beyond': send(2 ** 32 - 1, slab, 0, 10, 0),
  'a closed socket': send(closed, slab, 0, 10, 0),
  'a closed socket, plain': native.sendPlain(closed, bytes, 10, 0),
  'a closed socket, at once': native.sendMany(closed, 1),
  'poll of a closed socket': native.poll(closed),
  'arm of a closed socket': native.arm(closed),
  'no such slab': send(socket, 0, 0, 10, 0),
  'a slab far beyond': send(socket, 2 ** 32 - 1, 0, 10, 0),
  'a released slab': send(socket, released, 0, 10, 0),
  'a slot beyond the slab': send(socket, slab, 3, 10, 0),
  'a slot far beyond': send(socket, slab, 2 ** 32 - 1, 10, 0),
  'no length': send(socket, slab, 0, 0, 0),
  'a length beyond the slot': send(socket, slab, 2, 4097, 0),
  'too few arguments': native.sendPlain(socket, bytes, 10),
  'a length that is text': native.sendPlain(socket, bytes, '10', 0),
  'a length that is a BigInt': native.sendPlain(socket, bytes, 10n, 0),
  'plain, no length': native.sendPlain(socket, bytes, 0, 0),
  'plain, beyond the array': native.sendPlain(socket, bytes, 101, 0),
  'plain, detached': native.sendPlain(socket, lost, 10, 0),
  'plain, no array': native.sendPlain(socket, {}, 10, 0),
  'plain, another array': native.sendPlain(socket, new Uint16Array(100), 10, 0),
  'plain, a view': native.sendPlain(socket, new DataView(bytes.buffer), 10, 0),
  'a closed socket, parts': sendParts([slab, 0, 10, 0], closed),
  'parts, none': native.sendExtents(socket, 0, 0),
  'parts, too many': native.sendExtents(socket, 17, 0, bytes),
  'parts, too few arguments': native.sendExtents(socket, 1),
  'parts, a missing array': native.sendExtents(writePart([0, 0, 10, 0]), 1, 0),
  'parts, beyond the array': sendParts([0, 0, 10, 91]),
  'parts, far beyond the array': sendParts([0, 0, 10, 2 ** 32 - 1]),
  'parts, detached': native.sendExtents(writePart([0, 0, 10, 0]), 1, 0, lost),
  'parts, another array': native.sendExtents(writePart([0, 0, 10, 0]), 1, 0, new Uint16Array(100)),
  'parts, no length': sendParts([slab, 0, 0, 0]),
  'parts, a slot beyond': sendParts([slab, 3, 10, 0]),
  'parts, beyond the slot': sendParts([slab, 2, 10, 4087]),
  'parts, far beyond the slot': sendParts([slab, 2, 10, 2 ** 32 - 1]),
  'parts, a released slab': sendParts([released, 0, 10, 0]),
  'none at once': native.sendMany(socket, 0),
  'too many at once': native.sendMany(socket, 1025),
  'one slab of three': sendThree([released, 1, 10, 1]),
  'one slot of three': sendThree([slab, 3, 10, 1]),
  'one length of three': sendThree([slab, 1, 4097, 1]),
  'no address': native.setDestination(),
  'no numeric address': native.setDestination('localhost', 9),
  'a closed socket described': native.describe(closed),
  'a closed socket counted': native.counters(closed).filter(Boolean),
  'a closed socket ended': [native.beginClose(closed), native.abort(closed), native.close(closed)],
  'no interface': native.openUdp({ ...request, interface: 'none' }),
  'an address that is none': native.openUdp({ ...request, remote: { address: 'x', port: 9 } }),
  'no address for TCP': native.openTcp({ family: 4 }),
  'no such socket, a run': sendRun([0, 0, 2]),
  'a closed socket, a run': sendRun([closed, 0, 2]),
  'a run of none': sendRun([socket, 0, 0]),
  'a run of too many': sendRun([socket, 0, 1025]),
  'a run of far too many': sendRun([socket, 0, 2 ** 32 - 1], []),
  'a run of no slab': sendRun([socket, 0, 2], [60, 60], 0),
  'a run of a released slab': sendRun([socket, 0, 2], [60, 60], released),
  'a run beyond its slab': sendRun([socket, 2, 2]),
  'a run far beyond its slab': sendRun([socket, 2 ** 32 - 1, 2]),
  'a run of no length': sendRun([socket, 0, 3], [60, 0, 60]),
  'a run longer than its slots': sendRun([socket, 0, 3], [60, 60, 4097]),
  'a closed socket, by the thread': native.submitPlain(closed, bytes, 10, 0),
  'by the thread, no length': native.submitPlain(socket, bytes, 0, 0),
  'by the thread, beyond the array': native.submitPlain(socket, bytes, 101, 0),
  'by the thread, detached': native.submitPlain(socket, lost, 10, 0),
  'a closed socket, lines': native.checkLines(closed, 1, false),
  'memory that is not shared': native.startSubmitter(new Int32Array(sharedSize / 4), 0),
  'too little memory': native.startSubmitter(shared(sharedSize - 64), 0),
  'memory of another type': native.startSubmitter(new Float64Array(shared(sharedSize).buffer), 0),
  'cells without a thread': native.useSubmitter(socket, shared(cellsSize)),
  'cells of a closed socket': native.useSubmitter(closed, shared(cellsSize)),
};

// On the transmit ring of an interface of its own, where one can be had.
const packetOptions = { interface: 'lo', frames: 64, frameSize: 2016, sendBufferSize: 0 };
const packet = given.ring ? native.openPacket({ ...packetOptions, timestamps: 0 }) : null;
const ring = packet?.handle;
/** On that ring. @param {number[]} asked first slot, number @param {number[]} [lengths] */
const runOf = (asked, lengths) => sendRun([ring, ...asked], lengths, packet.slab);
/** @type {Record<string, number>} */
const runs = {};
if (packet) {
  const { slots, slotSize } = packet;
  Object.assign(runs, {
    'first beyond the ring': runOf([slots, 1]),
    'first far beyond': runOf([2 ** 32 - 1, 2]),
    'an end beyond the ring': runOf([slots - 1, 2]),
    none: runOf([0, 0]),
    'another slab': sendRun([ring, 0, 2]),
    'too many': runOf([0, 1025]),
    'no length': runOf([0, 2], [60, 0]),
    'shorter than its header': runOf([0, 2], [60, 13]),
    'longer than a slot': runOf([0, 3], [60, slotSize + 1, 60]),
    'the longest number': runOf([0, 2], [60, 2 ** 32 - 1]),
  });
}
// Its memory is that ring's alone, and a view of it is no slot.
const foreign = packet && [
  send(socket, packet.slab, 0, 60, 1),
  send(socket, packet.slab, 0, 60, 0),
  sendThree([packet.slab, 0, 60, 1]),
  sendRun([socket, 0, 2], [60, 60], packet.slab),
  native.sendPlain(socket, new Uint8Array(packet.memory, 5000, 60), 60, 1),
];
if (packet) {
  // Frames of a ring lie as they are, and go where their headers say.
  for (const [name, flags] of Object.entries({ flagDestination, flagEach, flagBegin })) {
    from(0, () => to(0, 2, () => 0));
    // Of one message there are not several destinations: that flag is of a call.
    call.set([ring, packet.slab, 0, 60, flags === flagEach ? flagBegin : flags]);
    native.send();
    runs[`${name} of a frame`] = (call[5] ?? 0) | 0;
    requests.set([packet.slab, 0, 60, 1]);
    runs[`${name} of several frames`] = native.sendMany(ring, 1, flags);
    requests.set([60, 60]);
    call.set([ring, packet.slab, 0, 2, flags]);
    native.sendRun();
    runs[`${name} of a run`] = (call[5] ?? 0) | 0;
  }
  call.fill(0);
  runs['a view of the ring'] = native.sendPlain(
    ring,
    new Uint8Array(packet.memory, 5000, 60),
    60,
    1,
  );
}
const settings = [
  native.setSocketOption(closed, 'ttl', 1),
  native.setSocketOption(socket, 'none', 1),
  native.setSocketOption(socket, 'ttl', '1'),
  native.setSocketOption(socket, 'ttl'),
  native.setSocketOption(socket, 'ttl', 256),
  native.setSocketOption(socket, 'multicastInterface', 'none0'),
  native.openUdp({ ...request, settings: { ttl: 0 } }),
  native.openUdp({ ...request, settings: { multicastInterface: 'none0' } }),
  native.openUdp({ ...request, settings: { tos: 'x' } }),
  native.setSocketOption(socket, 'ttl', 9),
];
const sendsOf = (/** @type {number} */ handle) =>
  native.counters(handle)[native.counterNames.indexOf('sends')];
const before = sendsOf(socket);
const sound = [
  send(socket, slab, 2, 4096, 1),
  native.sendPlain(socket, bytes, 100, 0),
  sendThree([slab, 1, 10, 1]),
];
// Nothing is written for chunks that no UMEM can have: here that would take 128 MiB.
const vast = packet && native.createSlab(64, 2 ** 24, 2).handle;
const peak = process.resourceUsage().maxRSS; // KiB
const xdpOptions = { interface: 'lo', queue: 0, mode: 2, slab: vast, deadline: 0 };
const vastXdp = packet && native.openXdp(xdpOptions);
const grown = process.resourceUsage().maxRSS - peak;
const soundRuns = packet && [runOf([0, 2]), runOf([2, 30])];
const ringSends = packet && sendsOf(ring);
if (packet) {
  native.poll(ring);
  native.close(ring);
  runs['a closed ring'] = runOf([0, 2]);
}
const told = {
  settings,
  vastXdp,
  foreign,
  grown,
  runs,
  soundRuns,
  ringSends,
  answers,
  before,
  sound,
  after: sendsOf(socket),
  reused: socket !== closed,
};
native.close(socket);
udp.close();
process.stdout.write(JSON.stringify(told));
