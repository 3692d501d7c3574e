import type {
  Endpoint,
  EndsDescription,
  OpenedSocket,
  SocketDescription,
} from '../addon/contract.js';
import { type CodedError, stateError, systemError } from '../base/errors.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { CompletionReaders } from './completion-reader.js';
import type { Hooks } from './hooks.js';
import { InFlight } from './in-flight.js';
import { describeEnds, describeSocket } from './kernel-facts.js';
import type { CheckedSocketOptions } from './options.js';
import type { SocketStats } from './stats.js';
import type { Submission } from './submission.js';
import { Tags } from './tags.js';
import { TimestampReader } from './timestamps.js';
import { ZeroCopyPolicy } from './zero-copy-policy.js';

export type Protocol = 'tcp' | 'udp' | 'packet' | 'xdp';

interface Ends {
  local: Endpoint | undefined;
  remote: Endpoint | undefined;
}

const NO_ENDS: Ends = { local: undefined, remote: undefined };

/** Limits that depend on the kind of socket. */
export interface Limits {
  /** bytes of a send */
  maxLength: number;
  /** UDP_SEGMENT in bytes; 0: off */
  segmentSize: number;
  /** sends after which completions are taken in inline; by default REAP_EVERY */
  reapEvery?: number;
  /** the only pool whose buffers it sends; by default any but those of rings */
  pool?: BufferPool;
}

/** The state of one socket that its sender, its completions and its closing share. */
export class SocketState {
  readonly protocol: Protocol;
  readonly handle: number;
  /** -1 once it is closed */
  fd: number;
  /** the pool that is its ring, and ends with it; null of other sockets */
  readonly ring: BufferPool | null;
  /** bytes of a send */
  readonly maxLength: number;
  readonly segmentSize: number;
  readonly zeroCopyErrno: number;
  readonly firstId: number;
  readonly inFlight: InFlight;
  readonly policy: ZeroCopyPolicy;
  readonly stamps: TimestampReader | null;
  /** The name of the system call by which it sends, for errors: rings are kicked by send(2). */
  readonly sendCall: string;
  /** the option `sendBufferSize`; 0 without */
  readonly sendBufferAsked: number;
  /** the option; 0 without */
  readonly stallAfter: number;
  hooks: Hooks = {};
  phase: 'connecting' | 'open' | 'closing' | 'closed';
  /**
   * While true the socket must not end, so that the caller who awaits the connection gets it first.
   */
  isBeingHandedOver = false;
  /** the error that has ended it */
  error: CodedError | null = null;
  needDrain = false;
  /** the last id that had to wait for room */
  lastQueued = -1;
  /** ids that were given up, with their memory taken back from the kernel */
  revoked = 0;
  /** ids that never reached the kernel as a whole */
  failed = 0;
  /** ids that `stall` has named */
  stalled = 0;
  /** the tags of sends in flight; null until the first send with one */
  tags: Tags | null = null;
  readonly readers = new CompletionReaders();
  /** how the submission thread serves it; null where JavaScript makes the system calls */
  submission: Submission | null = null;
  /** its counters, once it is closed */
  finalStats: SocketStats | null = null;
  #ends = NO_ENDS;

  constructor(
    protocol: Protocol,
    opened: OpenedSocket,
    options: CheckedSocketOptions,
    limits: Limits,
  ) {
    this.protocol = protocol;
    this.handle = opened.handle;
    this.fd = opened.fd;
    this.ring = limits.pool ?? null;
    this.maxLength = limits.maxLength;
    this.segmentSize = limits.segmentSize;
    this.zeroCopyErrno = opened.zeroCopyErrno;
    this.firstId = opened.firstId;
    this.inFlight = new InFlight(opened.firstId);
    this.policy = new ZeroCopyPolicy(options.zeroCopy, options.zeroCopyThreshold);
    this.stamps = options.timestamps > 0 ? new TimestampReader() : null;
    this.sendBufferAsked = options.sendBufferSize;
    this.stallAfter = options.stallAfter;
    this.sendCall = protocol === 'tcp' || protocol === 'udp' ? 'sendto' : 'send';
    this.phase = protocol === 'tcp' ? 'connecting' : 'open';
  }

  /** The state of the socket as the kernel reports it; empty once it is closed. */
  describe(): SocketDescription {
    return describeSocket(this.phase === 'closed' ? null : this.handle);
  }

  /** Remembers both ends, which the kernel no longer reports of a connection that was reset. */
  look({ local, remote }: EndsDescription): Ends {
    const isLost = remote === undefined && this.#ends.remote !== undefined;
    if ((local ?? remote) !== undefined && !isLost) this.#ends = { local, remote };
    return this.#ends;
  }

  /** The endpoint or interface that errors of system calls name. */
  about(flags = 0): Endpoint | { interface: string } | undefined {
    return this.hooks.about ? this.hooks.about(flags) : this.remote();
  }

  remote(): Endpoint | undefined {
    return this.look(describeEnds(this.handle)).remote;
  }

  /** The error that ends the socket. */
  fatal(errno: number, syscall = this.sendCall): CodedError {
    return this.hooks.fatal?.(errno, syscall) ?? systemError(errno, syscall, this.about());
  }

  /** The error of a send on a socket that is not open, with the reason where it has failed. */
  closedError(): Error {
    // The socket may have failed a moment ago, and the record of that may not have been delivered
    // yet.
    const failure = this.phase === 'open' ? describeSocket(this.handle).failure : 0;
    if (failure) this.error ??= this.fatal(failure);
    const { error } = this;
    const how = error
      ? `closing after ${error.code} (${error.message})`
      : this.phase === 'open'
        ? 'closing'
        : this.phase;
    return stateError('ERR_ZEROSEND_SOCKET_CLOSED', `the socket is ${how}`, error ?? undefined);
  }

  /** Keeps the tag of an accepted send, if it has one. Returns its id. */
  tagged(id: number, tag: unknown): number {
    if (tag === undefined) return id;
    this.tags ??= new Tags();
    this.tags.set(id, tag);
    return id;
  }

  /** Notes that the send `id`, or sends up to it, wait for room in the kernel. */
  waitForDrain(id: number): void {
    this.hooks.waits?.(); // each time: that earlier ones have drained may not have been told yet
    this.needDrain = true;
    this.lastQueued = id;
  }
}
