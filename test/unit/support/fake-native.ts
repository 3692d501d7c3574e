import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { vi } from 'vitest';
import type {
  Failure,
  Native,
  OpenedSocket,
  OpenRequest,
  SocketDescription,
} from '../../../lib/addon/contract.js';

/*
 * Stands in for the addon: the same contract made of JavaScript, in which nothing happens by itself.
 * A test plays the kernel: it takes sends or has no room for them, completes them, breaks
 * connections. Only the numbers are the real addon's. `fake-native.test.ts` compares the rest.
 *
 *     vi.mock('../../../lib/addon/addon.js', async () => (await import('./fake-native.js')).module);
 */

const actual = await vi.importActual<typeof import('../../../lib/addon/addon.js')>(
  '../../../lib/addon/addon.js',
);
const {
  BATCH_RECORDS,
  FLAG_DESTINATION,
  FLAG_PROMPT,
  FLAG_RANGE,
  FLAG_ZERO_COPY,
  GIVEN_UP,
  KIND_CONNECTED,
  KIND_DRAIN,
  KIND_ERROR,
  KIND_FAILURE,
  KIND_INLINE,
  KIND_RETIRED,
  KIND_REVOKED,
  KIND_ZEROCOPY,
  MAX_REQUESTS,
  PROMPT,
  RECORD_SIZE,
  REFUSED_CLOSED,
  REFUSED_QUEUE_FULL,
  REQUEST_SIZE,
} = actual;

const EBADF = 9;
const EAGAIN = 11;
const EINVAL = 22;
const EOPNOTSUPP = 95;

export interface FakeRecord {
  kind: number;
  first: number;
  last: number;
}

/** One accepted send, as it reached the addon. */
export interface FakeSend {
  id: number;
  slab: number;
  slot: number;
  bytes: Uint8Array | null;
  length: number;
  flags: number;
  destination: string;
}

/** A socket as the addon and the kernel see it. */
export class FakeSocket {
  readonly sends: FakeSend[] = [];
  /** ids with the kernel, whose completion is to come */
  readonly withKernel = new Set<number>();
  /** ids that wait for room */
  queue: number[] = [];
  /** sends that the kernel still takes */
  room = Number.POSITIVE_INFINITY;
  /** errno of the next sends, first one first; they take no id */
  readonly refusals: number[] = [];
  nextId: number;
  connecting: boolean;
  closing = false;
  failed = false;
  /** errno of the error that has ended it */
  failure = 0;
  /** bytes that a TCP peer has acknowledged, as far as close() looks at them */
  acknowledged = 0;
  aborted = false;
  busy = false;
  armed = false;
  /** calls of arm() */
  arms = 0;
  /** calls of poll() */
  polls = 0;
  /** bytes that a TCP peer has not acknowledged */
  unacknowledged = 0;
  /** what arm() answers: more than 0 when there is no event to wait for, and polls must go on */
  armAnswer = 0;
  /** ids whose pages cannot be replaced when they are revoked */
  readonly irreplaceable = new Set<number>();
  description: SocketDescription = {};
  retired: FakeRecord[] = [];
  completed: FakeRecord[] = [];
  notices: FakeRecord[] = [];
  #drainDue = false;
  readonly handle: number;
  readonly protocol: 'tcp' | 'udp';
  readonly request: OpenRequest;

  constructor(handle: number, protocol: 'tcp' | 'udp', request: OpenRequest, firstId: number) {
    this.handle = handle;
    this.protocol = protocol;
    this.request = request;
    this.connecting = protocol === 'tcp';
    this.nextId = firstId;
    this.description = {
      sendBufferSize: 4096,
      mtu: 65_536,
      peerClosed: false,
      idsUncertain: false,
    };
    if (request.remote) this.description.remote = request.remote;
  }

  /** The kernel lets go of these ids. */
  finish(first: number, last = first, kind = KIND_ZEROCOPY): void {
    for (let id = first; id <= last; id++) {
      if (!this.withKernel.delete(id)) throw new Error(`the kernel does not have id ${id}`);
    }
    this.#complete(first, last, kind);
  }

  /** The kernel lets go of everything. */
  finishAll(kind = KIND_ZEROCOPY): void {
    for (const id of [...this.withKernel]) this.finish(id, id, kind);
  }

  /** The connection is up. */
  connect(): void {
    this.connecting = false;
    this.notices.push({ kind: KIND_CONNECTED, first: 0, last: 0 });
  }

  /** The connection breaks; what is queued fails. */
  break(errno: number): void {
    if (this.failed) return;
    this.failed = true;
    this.failure = errno;
    this.#failQueue(errno);
    this.notices.push({ kind: KIND_ERROR, first: errno, last: this.connecting ? 0 : 1 });
    this.connecting = false;
  }

  refusal(count: number): number {
    if (this.connecting || this.closing || this.failed) return REFUSED_CLOSED;
    if (this.queue.length + count > this.request.maxQueuedSends) return REFUSED_QUEUE_FULL;
    const errno = this.refusals.shift();
    return errno === undefined ? 0 : -errno;
  }

  accept(send: Omit<FakeSend, 'id'>): void {
    const id = this.nextId++;
    this.sends.push({ ...send, id });
    if (this.queue.length > 0 || this.room === 0) {
      this.queue.push(id);
      this.#drainDue = true;
      this.armed = true; // also while busy: what waits for room cannot wait for the next turn
    } else {
      this.#hand(id);
    }
  }

  /** Whether the last send has completed within its call: then no record tells of it. */
  answerPrompt(): boolean {
    const last = this.completed.at(-1);
    if (last?.first !== this.nextId - 1) return false;
    this.completed.pop();
    return true;
  }

  flush(): void {
    if (this.failed || this.queue.length === 0) return;
    while (this.queue.length > 0 && this.room > 0) this.#hand(this.queue.shift() as number);
    if (this.queue.length > 0 || !this.#drainDue) return;
    this.#drainDue = false;
    this.notices.push({ kind: KIND_DRAIN, first: this.nextId, last: 0 });
  }

  giveUp(): void {
    this.closing = true;
    this.aborted = true;
    this.#failQueue(GIVEN_UP);
    for (const id of this.withKernel) {
      if (this.irreplaceable.has(id))
        this.retired.push({ kind: KIND_RETIRED, first: id, last: 12 });
      this.#complete(id, id, KIND_REVOKED);
    }
    this.withKernel.clear();
  }

  /** Up to `max` records: what is retired, then ranges by id, then notices. */
  take(max: number): FakeRecord[] {
    const taken = this.retired.splice(0, max);
    this.#merge();
    taken.push(...this.completed.splice(0, max - taken.length));
    if (this.completed.length === 0) taken.push(...this.notices.splice(0, max - taken.length));
    return taken;
  }

  get hasNews(): boolean {
    return this.retired.length + this.completed.length + this.notices.length > 0;
  }

  /** Whether the id has not completed, or a record is to tell that it has. */
  knows(id: number): boolean {
    if (this.withKernel.has(id) || this.queue.includes(id)) return true;
    return this.completed.some(({ first, last }) => first <= id && id <= last);
  }

  get outstanding(): boolean {
    return this.withKernel.size > 0 || this.queue.length > 0;
  }

  get wantsArming(): boolean {
    return this.outstanding || (this.protocol === 'tcp' && !this.failed);
  }

  /** The poller thread looks: armed once only, and left to JavaScript while that is busy. */
  wake(): void {
    if (!this.armed) return;
    if (!this.busy || this.queue.length > 0) this.flush();
    this.armed = this.wantsArming && (!this.busy || this.queue.length > 0);
  }

  #hand(id: number): void {
    this.room--;
    const send = this.sends.find((one) => one.id === id) as FakeSend;
    if (send.flags & FLAG_ZERO_COPY) this.withKernel.add(id);
    else this.#complete(id, id, KIND_INLINE);
  }

  #failQueue(reason: number): void {
    for (const id of this.queue) this.#complete(id, id, KIND_FAILURE + reason);
    this.queue = [];
  }

  #complete(first: number, last: number, kind: number): void {
    this.completed.push({ kind, first, last });
  }

  #merge(): void {
    this.completed.sort((a, b) => a.first - b.first);
    const merged: FakeRecord[] = [];
    for (const range of this.completed) {
      const tail = merged.at(-1);
      if (tail?.kind === range.kind && tail.last + 1 === range.first) tail.last = range.last;
      else merged.push({ ...range });
    }
    this.completed = merged;
  }
}

export class FakeNative implements Native {
  readonly interfaceVersion = actual.native.interfaceVersion;
  readonly constants = {};
  readonly counterNames = ['sends', 'completed', 'bytes', 'unsentBytes'];
  readonly mailbox = new ArrayBuffer(actual.native.mailbox.byteLength);
  /** calls of keepAlive, in order */
  readonly keepAliveCalls: boolean[] = [];
  readonly destinations: string[] = [];
  readonly releasedSlabs: number[] = [];
  /** uses of the addon that the library must not make */
  readonly violations: string[] = [];
  /** where the ids of sockets opened from now on start */
  firstId = 0;
  #sockets = new Map<number, FakeSocket>();
  #slabs = new Map<number, { slotSize: number; slots: number }>();
  #nextHandle = 1;
  #destination = '';
  #deliver: (records: number, alarm?: boolean) => void = () => {};
  /** what setAlarm was given, in order */
  readonly alarmCalls: number[] = [];
  /** of setAlarm: 0, or a negated errno */
  alarmAnswer = 0;
  #ready: FakeSocket[] = [];

  constructor() {
    // Like the addon's functions, these do not care what they are called on.
    for (const [name, { value }] of Object.entries(
      Object.getOwnPropertyDescriptors(FakeNative.prototype),
    )) {
      if (typeof value === 'function' && name !== 'constructor') {
        Object.assign(this, { [name]: value.bind(this) });
      }
    }
  }

  // ---- what a test does -------------------------------------------------------------------------

  socket(handle: number): FakeSocket {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) throw new Error(`no socket ${handle}`);
    return socket;
  }

  isOpen(handle: number): boolean {
    return this.#sockets.has(handle);
  }

  get openSockets(): FakeSocket[] {
    return [...this.#sockets.values()];
  }

  /**
   * The poller thread wakes for every armed socket, and the event loop hears of it: one call of
   * `deliver`. What does not fit into the batch comes with the next call.
   * @param alarm the timer that `setAlarm` has set has run out meanwhile
   * @returns the number of records delivered
   */
  wake(alarm = false): number {
    for (const socket of this.#sockets.values()) {
      const listens = socket.armed && (!socket.busy || socket.queue.length > 0);
      socket.wake();
      if (listens && socket.hasNews && !this.#ready.includes(socket)) this.#ready.push(socket);
    }
    let at = 0;
    const ready = this.#ready;
    this.#ready = [];
    for (const socket of ready) {
      if (!this.#sockets.has(socket.handle)) continue;
      at = this.#collect(socket, at);
      if (socket.hasNews) this.#ready.push(socket);
    }
    if (at > 0 || alarm) this.#deliver(at, alarm);
    return at;
  }

  /** Calls `deliver` for records that the test has written into the batch. */
  deliverRaw(records: number): void {
    this.#deliver(records);
  }

  /** The timer that `setAlarm` has set has run out. */
  ringAlarm(): void {
    this.#deliver(0, true);
  }

  /** The library keeps the process alive. */
  get alive(): boolean {
    return this.keepAliveCalls.at(-1) ?? false;
  }

  // ---- the addon --------------------------------------------------------------------------------

  send(): void {
    const [handle, slab, slot, length, flags] = call as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    const memory = this.#slabs.get(slab);
    if (memory === undefined || slot >= memory.slots || length < 1 || length > memory.slotSize) {
      call[5] = this.#misuse('send', { handle, slab, slot, length });
      return;
    }
    const refused = this.#send(handle, [
      { slab, slot, bytes: null, length, flags, destination: '' },
    ]);
    call[5] = refused || Number((queued[0] as number) > 0);
  }

  sendPlain(handle: number, bytes: Uint8Array, length: number, flags: number): number {
    if (length < 1 || length > bytes.length) return this.#misuse('sendPlain', { handle, length });
    return this.#send(handle, [{ slab: 0, slot: 0, bytes, length, flags, destination: '' }]);
  }

  sendExtents(handle: number, count: number, flags: number, ...arrays: Uint8Array[]): number {
    let length = 0;
    for (let i = 0; i < count; i++) length += requests[REQUEST_SIZE * i + 2] as number;
    const bytes = arrays[0] ?? null;
    return this.#send(handle, [{ slab: 0, slot: 0, bytes, length, flags, destination: '' }]);
  }

  sendMany(handle: number, count: number): number {
    const sends = Array.from({ length: count }, (_, i) => {
      const [slab, slot, length, flags] = requests.subarray(REQUEST_SIZE * i) as unknown as [
        number,
        number,
        number,
        number,
      ];
      return { slab, slot, bytes: null, length, flags, destination: '' };
    });
    return this.#send(handle, sends);
  }

  poll(handle: number): number {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) return -EBADF;
    socket.polls++;
    socket.flush();
    return this.#collect(socket, 0);
  }

  /** what the next call of lookBack finds */
  readonly givenBack: { handle: number; first: number; last: number }[] = [];

  lookBack(): number {
    const found = this.givenBack.splice(0);
    for (const [i, { handle, first, last }] of found.entries()) {
      batch.set([handle, 0, first, last], i * RECORD_SIZE);
    }
    return found.length;
  }

  arm(handle: number): number {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) return -EBADF;
    socket.arms++;
    socket.busy = false;
    if (socket.wantsArming) socket.armed = true;
    return socket.armAnswer;
  }

  openTcp(request: OpenRequest): OpenedSocket {
    return this.#open('tcp', request);
  }

  openUdp(request: OpenRequest): OpenedSocket {
    return this.#open('udp', request);
  }

  openPacket(): Failure {
    return { errno: EOPNOTSUPP, syscall: 'socket' };
  }

  openXdp(): Failure {
    return { errno: EOPNOTSUPP, syscall: 'socket' };
  }

  sendPacket(): number {
    return -EOPNOTSUPP;
  }

  sendRun(): void {
    const [handle, slab, first, count] = call as unknown as [number, number, number, number];
    const sends = Array.from(requests.subarray(0, count), (asked, i) => {
      const length = asked & 0x7fff_ffff;
      const flags = asked >>> 31 === 1 ? FLAG_ZERO_COPY : 0;
      return { slab, slot: first + i, bytes: null, length, flags, destination: '' };
    });
    const memory = this.#slabs.get(slab);
    const sound = memory !== undefined && count > 0 && first + count <= memory.slots;
    if (!sound || sends.some(({ length }) => length < 1 || length > memory.slotSize)) {
      call[5] = this.#misuse('sendRun', { handle, slab, first, count });
      return;
    }
    const refused = this.#send(handle, sends);
    call[5] = refused || Number((queued[0] as number) > 0);
  }

  beginClose(handle: number): void {
    const socket = this.#sockets.get(handle);
    if (socket) socket.closing = true;
  }

  skip(): number {
    return 0; // no ring
  }

  abort(handle: number): void {
    this.#sockets.get(handle)?.giveUp();
  }

  close(handle: number): void {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) {
      this.violations.push(`close of socket ${handle}, which is not open`);
      return;
    }
    if (socket.outstanding) this.violations.push(`close of socket ${handle} with ids outstanding`);
    this.#sockets.delete(handle);
  }

  counters(handle: number): number[] {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) return [];
    const open = socket.withKernel.size + socket.queue.length;
    const bytes = socket.sends.reduce((sum, { length }) => sum + length, 0);
    return [socket.sends.length, socket.sends.length - open, bytes, 0];
  }

  wayOut(): { interface: string; qdiscs: string[] } {
    return { interface: 'fake0', qdiscs: ['fq'] };
  }

  describe(handle: number): SocketDescription {
    return this.#sockets.get(handle)?.description ?? {};
  }

  ends(handle: number): SocketDescription {
    return this.describe(handle);
  }

  progress(handle: number): number {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) return 0;
    const open = socket.withKernel.size + 2 * socket.queue.length;
    return 2 * socket.sends.length - open + socket.acknowledged;
  }

  conclude(handle: number): number {
    return this.#sockets.get(handle)?.failure ?? 0;
  }

  unacknowledged(handle: number): number {
    return this.#sockets.get(handle)?.unacknowledged ?? 0;
  }

  setDestination(address: string, port: number): boolean {
    const zone = address.split('%')[1];
    const known = zone === undefined || zone in networkInterfaces() || Number(zone) > 0;
    this.#destination = isIP(address) !== 0 && known ? `${address} ${port}` : '';
    this.destinations.push(this.#destination);
    return this.#destination !== '';
  }

  setSocketOption(handle: number, name: string, value: number | string): Failure | null {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) return { errno: EBADF, syscall: 'setsockopt' };
    socket.description.settings = { ...socket.description.settings, [name]: value };
    return null;
  }

  maxSegments(): number {
    return 64;
  }

  keepAlive(on: boolean): void {
    this.keepAliveCalls.push(on);
  }

  claim(): this {
    return this;
  }

  // It has no submission thread: to start one fails as where the system has no thread left.

  startSubmitter(): Failure {
    return { errno: EAGAIN, syscall: 'pthread_create' };
  }

  useSubmitter(): boolean {
    return false;
  }

  wakeSubmitter(): void {}

  takeIn(): void {}

  handOver(): void {}

  pollSubmitted(): void {}

  submitPlain(): number {
    return -EBADF;
  }

  checkLines(): number {
    return 0;
  }

  copyDestination(): void {}

  pumpStream(): void {}

  submitterFigures(): [number, number, number, number] {
    return [0, 0, 0, 0];
  }

  setAlarm(nanoseconds: number): number {
    this.alarmCalls.push(nanoseconds);
    return this.alarmAnswer;
  }

  setDeliver(deliver: (records: number, alarm?: boolean) => void): void {
    this.#deliver = deliver;
  }

  createSlab(slotSize: number, slots: number) {
    const handle = this.#nextHandle++;
    this.#slabs.set(handle, { slotSize, slots });
    return { handle, memory: new ArrayBuffer(slotSize * slots), hugePageErrno: 0 };
  }

  releaseSlab(handle: number): void {
    this.releasedSlabs.push(handle);
  }

  devices(): [] {
    return [];
  }

  // -----------------------------------------------------------------------------------------------

  #open(protocol: 'tcp' | 'udp', request: OpenRequest): OpenedSocket {
    const handle = this.#nextHandle++;
    const socket = new FakeSocket(handle, protocol, request, this.firstId);
    socket.armed = protocol === 'tcp';
    this.#sockets.set(handle, socket);
    return { handle, fd: 1000 + handle, zeroCopyErrno: 0, firstId: this.firstId };
  }

  #send(handle: number, sends: Omit<FakeSend, 'id'>[]): number {
    const socket = this.#sockets.get(handle);
    if (socket === undefined) return -EBADF;
    const refusal = socket.refusal(sends.length);
    if (refusal !== 0) return refusal;
    socket.busy = true;
    const mayBePrompt = ((sends[0]?.flags ?? 0) & FLAG_PROMPT) !== 0;
    if (mayBePrompt && (socket.outstanding || socket.completed.length > 0)) {
      this.violations.push(
        `socket ${handle} asks for PROMPT before all earlier ids have been told`,
      );
    }
    for (const send of sends) {
      const elsewhere = (send.flags & FLAG_DESTINATION) !== 0;
      const flags = send.flags & ~(FLAG_PROMPT | FLAG_RANGE);
      socket.accept({ ...send, flags, destination: elsewhere ? this.#destination : '' });
    }
    queued[0] = socket.queue.length;
    return mayBePrompt && socket.answerPrompt() ? PROMPT : 0;
  }

  #collect(socket: FakeSocket, at: number): number {
    const records = socket.take(BATCH_RECORDS - at);
    for (const [i, { kind, first, last }] of records.entries()) {
      batch.set([socket.handle, kind, first, last], (at + i) * RECORD_SIZE);
    }
    return at + records.length;
  }

  #misuse(call: string, what: object): number {
    this.violations.push(`${call} ${JSON.stringify(what)}`);
    return -EINVAL;
  }
}

/** The mailbox of an addon, by the numbers of its places. */
export function mailboxOf({ mailbox }: Native) {
  const { constant } = actual;
  return {
    batch: new Float64Array(mailbox, constant('batchOffset'), BATCH_RECORDS * RECORD_SIZE),
    requests: new Uint32Array(mailbox, constant('requestsOffset'), MAX_REQUESTS * REQUEST_SIZE),
    call: new Int32Array(mailbox, constant('callOffset'), 6),
    queued: new Uint32Array(mailbox, constant('queuedOffset'), 1),
  };
}

export const fake = new FakeNative();
export const { batch, requests, call, queued } = mailboxOf(fake);

/** lib/addon/addon.ts on the fake addon. */
export const module = { ...actual, native: fake };
