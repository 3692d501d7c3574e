/*
 * The interface between JavaScript and the addon, as types: what native/node exports, and what its
 * functions take and return. The numbers that both sides use are in addon.ts, the memory that both
 * use in mailbox.ts.
 */

import type { SubmissionCalls } from './submission-calls.js';

/** The result of a call of the addon that has failed. The errno is positive. */
export interface Failure {
  errno: number;
  syscall: string;
  /** how many transmit queues the interface has, where one could not be used; 0: not known */
  queues?: number;
}

/** One end of a connection, or where a datagram goes. */
export interface Endpoint {
  address: string;
  port: number;
}

/** A number for each option. An option that names an interface has its name. */
export type Settings = Record<string, number | string>;

export interface OpenRequest {
  remote?: Endpoint | undefined;
  local?: Endpoint | undefined;
  family: 4 | 6;
  interface?: string | undefined;
  sendBufferSize: number;
  segmentSize: number;
  /** options of the kernel by the names of native/kernel/socket_options.cc */
  settings?: Settings;
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
  /** the values of the socket options, as the kernel reports them; only of TCP and UDP sockets */
  settings?: Settings;
  local?: Endpoint;
  remote?: Endpoint;
  sendBufferSize?: number;
  maxPacingRate?: number;
  mtu?: number;
  peerClosed?: boolean;
  idsUncertain?: boolean;
  intercepted?: boolean;
  linkDown?: boolean;
  splitsSends?: boolean;
  timestampErrno?: number;
  /** errno of the error that has ended the socket, also before its record is delivered; 0: none */
  failure?: number;
  /** bytes that a TCP peer has acknowledged; -1: not known */
  acknowledged?: number;
  /** the most bytes of a frame; only of a socket with a ring */
  maxLength?: number;
  /** of a transmit ring: how many frames wait for an earlier one, and the slot of that one */
  waiting?: number;
  missing?: number;
  link?: LinkDescription;
  /** of a TCP connection that is up */
  tcp?: TcpDescription;
}

/** What `ends` returns. */
export type EndsDescription = Pick<SocketDescription, 'local' | 'remote' | 'acknowledged'>;

/** What the kernel reports by TCP_INFO, in its units. Fields that it does not know are missing. */
export interface TcpDescription {
  acknowledged?: number;
  notSent?: number;
  roundTrip?: number;
  roundTripVariation?: number;
  leastRoundTrip?: number;
  retransmitted?: number;
  unacknowledged?: number;
  lost?: number;
  congestionWindow?: number;
  segmentSize?: number;
  sendWindow?: number;
  deliveryRate?: number;
}

/** The interface that a socket is bound to. */
export interface LinkDescription {
  index: number;
  name: string;
  up: boolean;
  carrier: boolean;
  /** IF_OPER_* */
  operstate: number;
  /** the interface has been removed */
  gone: boolean;
  /** the index of the interface that has the name now; 0: none */
  namesake: number;
}

/** A network interface with what decides how it transmits. */
export interface DeviceDescription {
  index: number;
  name: string;
  up: boolean;
  carrier: boolean;
  /** IF_OPER_* */
  operstate: number;
  mtu: number;
  loopback: boolean;
  /** the type of a virtual interface, as `ip link add` calls it; '' for others */
  kind: string;
  /** '' where ethtool(8) knows none */
  driver: string;
  /** the queueing discipline at its root */
  qdisc: string;
  /** transmit queues: those in use where the kernel reports that, else all */
  queues: number;
  /** XDP_ATTACHED_*: 0 no program, 1 by the driver, 2 generic, 3 by the hardware, 4 several */
  xdpMode: number;
  /** the SOF_TIMESTAMPING_* flags that it offers; 0: not known */
  stamping: number;
  /** why there are no features */
  featuresErrno: number;
  /** whether each is on, by the names of ethtool(8) */
  features: Record<string, boolean>;
}

/**
 * The addon. Its hot functions answer 0 or a count, or a negated errno or refusal; they never throw.
 */
export interface Native extends SubmissionCalls {
  readonly interfaceVersion: number;
  /**
   * The addon for this copy of the library alone, with sockets, slabs and a poller of its own.
   * Node.js gives every copy that finds the same file the same object.
   */
  claim(): Native;
  readonly constants: Readonly<Record<string, number>>;
  readonly counterNames: readonly string[];
  readonly mailbox: ArrayBuffer;

  /** Sends what `sendSlot` has written into the mailbox, and writes the answer there. */
  send(): void;
  sendPlain(handle: number, bytes: Uint8Array, length: number, flags: number): number;
  /**
   * Makes one send out of parts. Those are in the mailbox as the requests of `sendMany` are, with
   * an offset in place of flags. A part with slab 0 lies in the next of `arrays`.
   */
  sendExtents(handle: number, count: number, flags: number, ...arrays: Uint8Array[]): number;
  /**
   * Sends what `writeRequest` has written into the mailbox. `flags` hold for the whole call;
   * default 0.
   */
  sendMany(handle: number, count: number, flags?: number): number;
  /** Sends the run that `sendSlots` has written into the mailbox, and writes the answer there. */
  sendRun(): void;
  poll(handle: number): number;
  /**
   * After LOOK_BACK. Returns how many records are in the mailbox that have a handle and a range of ids,
   * whose memory can go back now. They are told of by `poll`.
   */
  lookBack(): number;
  arm(handle: number): number;
  /**
   * Has the poller thread call `deliver` after `nanoseconds`, in place of the time that was set
   * before. 0 clears it.
   */
  setAlarm(nanoseconds: number): number;

  openTcp(request: OpenRequest): OpenedSocket | Failure;
  openUdp(request: OpenRequest): OpenedSocket | Failure;
  openPacket(request: PacketRequest): OpenedPacket | Failure;
  openXdp(request: XdpRequest): OpenedXdp | Failure;
  /**
   * Sends one packet out of several slots, which are in the mailbox as the parts of `sendExtents`
   * are.
   */
  sendPacket(handle: number, count: number): number;
  /**
   * Has a transmit ring go past a slot that was given back unsent and at which the kernel waits.
   * Returns 1 when it has, 0 when it cannot yet, or a negated errno.
   */
  skip(handle: number, slot: number): number;
  beginClose(handle: number): void;
  abort(handle: number): void;
  close(handle: number): void;
  counters(handle: number): number[];
  describe(handle: number): SocketDescription;
  /** A part of what `describe` returns, at a tenth of its cost. */
  ends(handle: number): EndsDescription;
  /** The interface through which packets for an address leave, and its queueing disciplines. */
  wayOut(
    remote: Endpoint,
    bound: string | undefined,
  ): { interface: string; qdiscs: string[] } | Failure;
  /**
   * A number that grows whenever the socket makes progress: an id completes, its queue gets
   * shorter, or the peer acknowledges bytes.
   */
  progress(handle: number): number;
  /**
   * Looks a last time for an error before `close`. Returns the errno of what has ended the socket,
   * or 0.
   */
  conclude(handle: number): number;
  unacknowledged(handle: number): number;
  /**
   * Parses an address into the first destination of the mailbox. Returns false where it is not
   * valid.
   */
  setDestination(address: string, port: number): boolean;
  /** Sets one of the options of `OpenRequest.settings` on an open socket. */
  setSocketOption(handle: number, name: string, value: number | string): Failure | null;
  maxSegments(): number;
  keepAlive(on: boolean): void;
  /** `deliver` gets the number of records in the mailbox, and whether the alarm has run out. */
  setDeliver(deliver: (records: number, alarm?: boolean) => void): void;

  /**
   * Starts the submission thread, which spins for so many nanoseconds before it sleeps. Returns a failure,
   * or nothing.
   */
  startSubmitter(shared: Int32Array, spinNanoseconds: number): Failure | undefined;

  createSlab(
    slotSize: number,
    slots: number,
    hugePages: number,
  ): { handle: number; memory: ArrayBuffer; hugePageErrno: number } | Failure;
  releaseSlab(handle: number): void;

  /** The network interfaces of this namespace. */
  devices(): DeviceDescription[] | Failure;
}
