import type { Namespace } from './index.mjs';

export interface ReceiverOptions {
  protocol: 'tcp' | 'udp';
  /** Where it runs; default: beside this process, for loopback. */
  namespace?: Namespace | null;
  /** Default 4. */
  family?: 4 | 6;
  /** Default any. */
  address?: string;
  /** Default 0: an ephemeral port. */
  port?: number;
  /**
   * What the content is made from; default 1. 'any': a TCP stream announces it in its first 8 bytes
   * (announceSeed), a UDP flow in every header.
   */
  seed?: number | 'any';
  /** Bytes a second over all connections; default unlimited. */
  rate?: number;
  /** SO_RCVBUF in bytes; default the system's for TCP, 32 MB (or what is allowed) for UDP. */
  rcvbuf?: number;
  /** Starts without reading. */
  paused?: boolean;
  /** Counts, but does not check. */
  discard?: boolean;
  /** UDP: counts, and leaves the content in the kernel, which is cheaper than `discard`. Wants `gro: false`. */
  truncate?: boolean;
  /** UDP: false for one read for each datagram. */
  gro?: boolean;
  /** TCP: resets a connection once it has brought so many bytes. */
  resetAfter?: number;
  /** TCP: shuts its own side of a connection down after so many bytes, and goes on reading. */
  halfCloseAfter?: number;
  /** TCP: stops reading a connection after so many bytes, until resume(). */
  stopAfter?: number;
  /** TCP: keeps its own side open when the peer has closed its side. */
  keepOpen?: boolean;
}

export interface ReceiverConnection {
  id: number;
  state: 'open' | 'closed' | 'reset';
  seed: number;
  bytes: number;
  wrongBytes: number;
  sentBytes: number;
  eof: boolean;
}

export interface ReceiverReport {
  type: 'report' | 'final';
  protocol: 'tcp' | 'udp';
  seconds: number;
  paused: boolean;
  checked: boolean;
  bytes: number;
  wrongBytes: number;
  firstWrong: {
    connection?: number;
    sequence?: number;
    offset: number;
    expected: number;
    actual: number;
  } | null;
  // TCP only
  accepted: number;
  open: number;
  /** Connections whose peer has closed its side. */
  eof: number;
  /** Connections that the peer has reset. */
  resets: number;
  resetsSent: number;
  sentBytes: number;
  /** In the last report, and in report({ connections: true }). */
  connections?: ReceiverConnection[];
  // UDP only
  datagrams: number;
  /** Datagrams with a wrong byte; their sequences count as missing. */
  corrupt: number;
  /** Shorter than a header, therefore unchecked. */
  short: number;
  flows: number;
  /** Sequences that have come, each counted once. */
  unique: number;
  /** Sequences below the highest that have not come. What is lost at the end does not show here. */
  missing: number;
  /** Jumps in the sequence, also those that latecomers have filled since. */
  gaps: number;
  firstGap: number | null;
  duplicates: number;
  reordered: number;
  /** More than 262144 behind: a straggler or a duplicate, nobody knows. */
  late: number;
  /** Datagrams that the receiver's socket had no room for. */
  drops: number;
  minLength: number;
  maxLength: number;
}

export interface Receiver {
  readonly family: number;
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  /** Each of these has taken effect when its promise resolves. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** 0: unlimited. */
  rate(bytesPerSecond: number): Promise<void>;
  /** TCP: resets all connections. */
  reset(): Promise<void>;
  /** TCP: shuts its own side of all connections down. */
  halfClose(): Promise<void>;
  /** TCP: closes all connections. */
  closeConnections(): Promise<void>;
  /** TCP: sends each peer so many bytes more of the stream of the connection's seed. */
  send(bytes: number): Promise<void>;
  report(options?: { connections?: boolean }): Promise<ReceiverReport>;
  /** Asks every `interval` ms (10) until the condition holds; rejects after `timeout` ms (20000). */
  until(
    condition: (report: ReceiverReport) => boolean,
    options?: { timeout?: number; interval?: number },
  ): Promise<ReceiverReport>;
  /** Ends it; its last report. */
  stop(): Promise<ReceiverReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a receiver; resolves when it listens. It ends by itself when this process ends. */
export function startReceiver(options: ReceiverOptions): Promise<Receiver>;

export interface FrameReceiverOptions {
  namespace: Namespace | null;
  /** The name of the interface that the frames come to. */
  interface: string;
  /** Where each frame has its number, 32 bits: bytes into its UDP or TCP payload. Default nowhere. */
  sequence?: number;
  /** A file for the frames, each behind its length (32 bits, host order). */
  save?: string;
}

/** About the frames to 02:00:00:00:00:02. What is shared with ReceiverReport means the same. */
export interface FrameReport {
  type: 'final';
  protocol: 'frames';
  frames: number;
  bytes: number;
  badIp: number;
  badTransport: number;
  badLength: number;
  /** UDP datagrams without a checksum. */
  zeroUdp: number;
  /** Frames of other protocols, or with a number out of range. */
  other: number;
  vlans: number;
  unique: number;
  duplicates: number;
  late: number;
  highest: number;
  drops: number;
}

export interface FrameReceiver extends AsyncDisposable {
  readonly pid: number;
  /** Takes what has come by now, and ends; its report. */
  stop(): Promise<FrameReport>;
}

/**
 * Starts a receiver of whole frames, which works out every checksum by itself; resolves when it
 * listens. It ends by itself when this process ends.
 */
export function startFrameReceiver(options: FrameReceiverOptions): Promise<FrameReceiver>;
