/*
 * What the two sides of the addon have agreed on: what native/node exports, and what its functions take
 * and answer. The numbers that both use are in addon.ts, the memory that both use in mailbox.ts.
 */

/** A call of the addon that can fail: the errno is positive. */
export interface Failure {
  errno: number;
  syscall: string;
  /** transmit queues of the interface, where a queue could not be had; 0: not known */
  queues?: number;
}

/** One end of a connection, or where a datagram goes. */
export interface Endpoint {
  address: string;
  port: number;
}

/** A number for each option; one that is an interface is given by its name. */
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
  /** of a TCP or UDP socket: what the kernel tells of its options */
  settings?: Settings;
  local?: Endpoint;
  remote?: Endpoint;
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
  /** of a TCP connection that is up */
  tcp?: TcpDescription;
}

/** What `ends` tells. */
export type EndsDescription = Pick<SocketDescription, 'local' | 'remote' | 'acknowledged'>;

/** What TCP_INFO tells, in its units; what the kernel does not know is missing. */
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
  /** it was removed */
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
  /** of a virtual interface, as `ip link add` calls it; '' of others */
  kind: string;
  /** '' where ethtool(8) does not tell */
  driver: string;
  /** at its root */
  qdisc: string;
  /** of transmission, those in use where the kernel tells */
  queues: number;
  /** XDP_ATTACHED_*: 0 no program, 1 by the driver, 2 generic, 3 by the hardware, 4 several */
  xdpMode: number;
  /** SOF_TIMESTAMPING_* that it offers; 0: not told */
  stamping: number;
  /** why there are no features */
  featuresErrno: number;
  /** whether each is on, by the names of ethtool(8) */
  features: Record<string, boolean>;
}

/**
 * The addon. Its hot functions answer 0 or a count, or a negated errno or refusal; they never throw.
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

  /** What to send is in the mailbox, and so is the answer: see `sendSlot` there. */
  send(): void;
  sendPlain(handle: number, bytes: Uint8Array, length: number, flags: number): number;
  /**
   * One send out of parts, which are written as the requests of `sendMany` are, with an offset in place
   * of flags; one with slab 0 is of the next of the arrays.
   */
  sendExtents(handle: number, count: number, flags: number, ...arrays: Uint8Array[]): number;
  /** What to send is in the mailbox: see `writeRequest` there. The flags are of the call; by default 0. */
  sendMany(handle: number, count: number, flags?: number): number;
  /** The same of a run: see `sendSlots` there. */
  sendRun(): void;
  poll(handle: number): number;
  arm(handle: number): number;
  /**
   * Has `deliver` called after so many nanoseconds, in place of what was set before; 0: not at all. The
   * poller thread does it, whose timer is exact.
   */
  setAlarm(nanoseconds: number): number;

  openTcp(request: OpenRequest): OpenedSocket | Failure;
  openUdp(request: OpenRequest): OpenedSocket | Failure;
  openPacket(request: PacketRequest): OpenedPacket | Failure;
  openXdp(request: XdpRequest): OpenedXdp | Failure;
  /** One packet out of several slots, which are written as those of `sendExtents` are. */
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
  /** A part of it, for a tenth of the time. */
  ends(handle: number): EndsDescription;
  /** The interface by which packets leave for an address, and its queueing disciplines. */
  wayOut(
    remote: Endpoint,
    bound: string | undefined,
  ): { interface: string; qdiscs: string[] } | Failure;
  /** Grows whenever anything moves: an id completes, a queue gets shorter, a peer acknowledges. */
  progress(handle: number): number;
  /** A last look before `close`: errno of what has ended the socket, 0 if nothing has. */
  conclude(handle: number): number;
  unacknowledged(handle: number): number;
  /** Writes the first destination of the mailbox; false where the address is none. */
  setDestination(address: string, port: number): boolean;
  /** Sets one of the options that `OpenRequest.settings` has, on an open socket. */
  setSocketOption(handle: number, name: string, value: number | string): Failure | null;
  maxSegments(): number;
  keepAlive(on: boolean): void;
  /** `deliver` is told the number of records in the mailbox, and whether the alarm has rung. */
  setDeliver(deliver: (records: number, alarm?: boolean) => void): void;

  createSlab(
    slotSize: number,
    slots: number,
    hugePages: number,
  ): { handle: number; memory: ArrayBuffer; hugePageErrno: number } | Failure;
  releaseSlab(handle: number): void;

  /** The network interfaces of this namespace. */
  devices(): DeviceDescription[] | Failure;
}
