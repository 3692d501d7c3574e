import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { stateError } from '../base/errors.js';

/** A call of the addon that can fail: the errno is positive. */
export interface Failure {
  errno: number;
  syscall: string;
  /** transmit queues of the interface, where a queue could not be had; 0: not known */
  queues?: number;
}

export interface OpenRequest {
  remote?: { address: string; port: number } | undefined;
  local?: { address: string; port: number } | undefined;
  family: 4 | 6;
  interface?: string | undefined;
  sendBufferSize: number;
  segmentSize: number;
  /** of UDP */
  reuseAddress?: boolean;
  zeroCopy: boolean;
  maxQueuedSends: number;
  /** 0 none, 1 software, 2 hardware */
  timestamps: number;
  /** bytes a second; 0 none */
  maxPacingRate: number;
}

export interface OpenedSocket {
  handle: number;
  fd: number;
  /** errno of SO_ZEROCOPY; 0 when granted or not asked for */
  zeroCopyErrno: number;
  firstId: number;
}

export interface PacketRequest {
  interface: string;
  frames: number;
  frameSize: number;
  qdiscBypass: boolean;
  virtioNetHeader: boolean;
  /** the kernel writes the link header (SOCK_DGRAM) */
  cooked: boolean;
  protocol: number;
  destination: Buffer | undefined;
  /** 0 none, 1 software, 2 hardware */
  timestamps: number;
  sendBufferSize: number;
}

export interface OpenedPacket extends OpenedSocket {
  memory: ArrayBuffer;
  slab: number;
  slots: number;
  slotSize: number;
  stride: number;
  offset: number;
  mtu: number;
  maxLength: number;
  /** bytes of `maxLength` that only a frame with a VLAN tag may have */
  tagLength?: number;
}

export interface XdpRequest {
  interface: string;
  queue: number;
  /** 0 best, 1 zero copy, 2 copy */
  mode: number;
  slab: number;
  /** ms */
  deadline: number;
}

export interface OpenedXdp extends OpenedSocket {
  zeroCopy: boolean;
  /** why a packet cannot have several frames: errno of bind(2) with XDP_USE_SG, or 0 */
  multiFrameErrno: number;
  /** frames of one packet; 1 with such an errno */
  maxFrames: number;
  mtu: number;
  maxLength: number;
  /** bytes of `maxLength` that only a frame with a VLAN tag may have */
  tagLength?: number;
}

export interface SocketDescription {
  local?: { address: string; port: number };
  remote?: { address: string; port: number };
  sendBufferSize?: number;
  maxPacingRate?: number;
  mtu?: number;
  peerClosed?: boolean;
  idsUncertain?: boolean;
  linkDown?: boolean;
  splitsSends?: boolean;
  timestampErrno?: number;
  /** errno of the error that has ended the socket, also before its record is delivered; 0: none */
  failure?: number;
  /** bytes that a TCP peer has acknowledged; -1: not known */
  acknowledged?: number;
  /** bytes of a frame, of a socket with a ring */
  maxLength?: number;
  /** of a transmit ring: frames that wait for one before them, and the slot of that one */
  waiting?: number;
  missing?: number;
  link?: LinkDescription;
}

/** The interface that a socket is bound to. */
export interface LinkDescription {
  index: number;
  name: string;
  up: boolean;
  carrier: boolean;
  /** IF_OPER_* */
  operstate: number;
  /** it was removed */
  gone: boolean;
  /** the index of the interface that has the name now; 0: none */
  namesake: number;
}

/**
 * The addon, as only this file and its importers see it. The hot functions return 0 or a count, or
 * a negated errno or refusal; they never throw.
 */
export interface Native {
  readonly interfaceVersion: number;
  /**
   * The addon for this copy of the library alone, with sockets, slabs and a poller of its own.
   * Node.js gives every copy that finds the same file the same object.
   */
  claim(): Native;
  readonly constants: Readonly<Record<string, number>>;
  readonly counterNames: readonly string[];
  readonly mailbox: ArrayBuffer;

  /** What to send is in `call`, and so is the answer. */
  send(): void;
  sendPlain(handle: number, bytes: Uint8Array, length: number, flags: number): number;
  sendMany(handle: number, count: number): number;
  /** Handle, slab, first slot and number are in `call`, lengths in `requests`, the answer in `call`. */
  sendRun(): void;
  poll(handle: number): number;
  arm(handle: number): number;

  openTcp(request: OpenRequest): OpenedSocket | Failure;
  openUdp(request: OpenRequest): OpenedSocket | Failure;
  openPacket(request: PacketRequest): OpenedPacket | Failure;
  openXdp(request: XdpRequest): OpenedXdp | Failure;
  /** One packet out of several slots, which are written as the requests of `sendMany` are. */
  sendPacket(handle: number, count: number): number;
  /**
   * Has a transmit ring go past the slot that its frames wait for, which was given back unsent: 1; 0
   * when it cannot yet, or a negated errno.
   */
  skip(handle: number, slot: number): number;
  beginClose(handle: number): void;
  abort(handle: number): void;
  close(handle: number): void;
  counters(handle: number): number[];
  describe(handle: number): SocketDescription;
  /** The interface by which packets leave for an address, and its queueing disciplines. */
  wayOut(
    remote: { address: string; port: number },
    bound: string | undefined,
  ): { interface: string; qdiscs: string[] } | Failure;
  /** Grows whenever anything moves: an id completes, a queue gets shorter, a peer acknowledges. */
  progress(handle: number): number;
  /** A last look before `close`: errno of what has ended the socket, 0 if nothing has. */
  conclude(handle: number): number;
  unacknowledged(handle: number): number;
  setDestination(address: string, port: number): boolean;
  maxSegments(): number;
  keepAlive(on: boolean): void;
  setDeliver(deliver: (records: number) => void): void;

  createSlab(
    slotSize: number,
    slots: number,
    hugePages: number,
  ): { handle: number; memory: ArrayBuffer; hugePageErrno: number } | Failure;
  releaseSlab(handle: number): void;
}

/** Raised with the addon's whenever the two would no longer understand each other. */
const INTERFACE_VERSION = 7;

function load(): Native {
  if (process.platform !== 'linux') {
    throw stateError(
      'ERR_ZEROSEND_UNSUPPORTED_PLATFORM',
      `zerosend needs Linux (MSG_ZEROCOPY); this is ${process.platform}`,
    );
  }
  const require = createRequire(import.meta.url);
  const chosen = process.env.ZEROSEND_NATIVE;
  const folder = fileURLToPath(new URL('../..', import.meta.url));
  let native: Native;
  try {
    native = chosen ? require(chosen) : require('node-gyp-build')(folder);
  } catch (error) {
    throw stateError(
      'ERR_ZEROSEND_NATIVE_MISSING',
      `the native part of zerosend does not load on ${process.platform}-${process.arch}, Node ` +
        `${process.versions.node}; ${remedy(error, chosen ?? folder)}: ` +
        `${error instanceof Error ? error.message : error}`,
      error,
    );
  }
  if (native?.interfaceVersion !== INTERFACE_VERSION) {
    throw stateError(
      'ERR_ZEROSEND_NATIVE_MISMATCH',
      `the native part of zerosend speaks interface ${native?.interfaceVersion}, this version needs ` +
        `${INTERFACE_VERSION}; 'npm rebuild zerosend' builds the right one`,
    );
  }
  // What only says that it has the right version is found out by its missing constants, below.
  return native.claim?.() ?? native;
}

/** What would let the addon be loaded: not a build, where Node.js was told not to load any. */
function remedy(error: unknown, path: string): string {
  const { permission } = process as { permission?: { has(scope: string, path?: string): boolean } };
  if (permission !== undefined) {
    if (!permission.has('fs.read', path)) {
      return `the permission model forbids reading ${path}, which --allow-fs-read allows`;
    }
    if (code(error) === 'ERR_DLOPEN_DISABLED') {
      return 'the permission model forbids addons, which --allow-addons allows (Node 22 and later)';
    }
  } else if (code(error) === 'ERR_DLOPEN_DISABLED') {
    return 'Node.js was started with --no-addons';
  }
  return "'npm rebuild zerosend' builds it (g++, make and python3 needed)";
}

function code(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}

export const native: Native = load();

/** Own properties decide: somebody may have put an `errno` on Object.prototype. */
export function isFailure(answer: object): answer is Failure {
  return Object.hasOwn(answer, 'errno');
}

function constant(name: string): number {
  const value = native.constants?.[name];
  if (value === undefined) {
    throw stateError('ERR_ZEROSEND_NATIVE_MISMATCH', `the native part lacks the constant ${name}`);
  }
  return value;
}

// Kinds of records; the first four are the outcomes of a range, and so are those from `failure` on.
export const KIND_ZEROCOPY: number = constant('zerocopy');
export const KIND_COPIED: number = constant('copied');
export const KIND_INLINE: number = constant('inline');
export const KIND_REVOKED: number = constant('revoked');
/** and up, plus the reason: an errno, a refusal (not negated) or GIVEN_UP */
export const KIND_FAILURE: number = constant('failure');
export const GIVEN_UP: number = constant('givenUp');
/** Whether a record says that ids have ended. */
export function isEnd(kind: number): boolean {
  return kind <= KIND_REVOKED || kind >= KIND_FAILURE;
}
export const KIND_DRAIN: number = constant('drain');
export const KIND_CONNECTED: number = constant('connected');
export const KIND_ERROR: number = constant('error');
export const KIND_RETIRED: number = constant('retired');
/** The record of an id that will fail, and whose place in the ring the kernel has passed. */
export const KIND_PASSED: number = constant('passed');
export const KIND_LINK_DOWN: number = constant('linkDown');
export const KIND_STAMP: number = constant('stamp');
/** and up, plus the stage */
export const KIND_STAMPED: number = constant('stamped');

export const FLAG_ZERO_COPY: number = constant('flagZeroCopy');
export const FLAG_DESTINATION: number = constant('flagDestination');
export const REFUSED_CLOSED: number = -constant('refusedClosed');
export const REFUSED_QUEUE_FULL: number = -constant('refusedQueueFull');
export const REFUSED_WRONG_POOL: number = -constant('refusedWrongPool');

export const BATCH_RECORDS: number = constant('batchRecords');
export const RECORD_SIZE: number = constant('recordSize');
export const MAX_REQUESTS: number = constant('requests');
export const REQUEST_SIZE: number = constant('requestSize');

/** What has happened, written by the addon: handle, kind, first, last of each record. */
export const batch = new Float64Array(
  native.mailbox,
  constant('batchOffset'),
  BATCH_RECORDS * RECORD_SIZE,
);
/** What `sendMany` is to send: slab, slot, length, flags of each. Of `sendRun`: lengths, of those with zero copy 2^31 more. */
export const requests = new Uint32Array(
  native.mailbox,
  constant('requestsOffset'),
  MAX_REQUESTS * REQUEST_SIZE,
);
/**
 * What `send` is to send: handle, slab, slot, length, flags; and at 5 its answer. Of `sendRun`:
 * handle, slab, first slot, number.
 */
export const call = new Int32Array(native.mailbox, constant('callOffset'), 6);
/** At 0: sends that wait for room on the socket of the last send. */
export const queued = new Uint32Array(native.mailbox, constant('queuedOffset'), 1);
