import type { LatencySummary } from '../base/latency-histogram.js';
import type { CompletionLatency } from '../buffers/completion-latency.js';
import type { SocketSettings } from './settings.js';
import type { SubmitInfo, SubmitStats } from './submit-mode.js';
import type { TimestampStage } from './timestamps.js';

/** Counts of one socket since it was opened. All are exact; bytes are bytes. */
export interface SocketCounters {
  /** ids given out */
  sends: number;
  /** bytes of those sends */
  bytes: number;
  /** ids completed natively; they are delivered soon after */
  completed: number;
  /** ranges handed to JavaScript; `completed / ranges` is how well completions merge */
  ranges: number;
  /** ids completed without a copy */
  zerocopy: number;
  /** ids for which the kernel reported a copy */
  copied: number;
  /** ids sent by an ordinary copying send, whole or in part */
  inlined: number;
  /** ids given up with their pages replaced */
  revoked: number;
  /** ids that never reached the kernel as a whole */
  failed: number;
  /** bytes of those that the kernel has not taken */
  unsentBytes: number;
  /** messages accepted by sendto(2) and sendmmsg(2) */
  kernelSends: number;
  /** of those, the ones with MSG_ZEROCOPY */
  kernelIds: number;
  /** completion messages read from the error queue */
  notifications: number;
  /** sends that had to wait for room */
  queuedSends: number;
  /** EAGAIN and ENOMEM answers */
  noRoom: number;
  /** ENOBUFS answers: net.core.optmem_max or RLIMIT_MEMLOCK is used up */
  noBuffers: number;
  /** pieces copied because ENOBUFS left nothing to reap */
  inlineFallbacks: number;
  /** pending ICMP errors about earlier datagrams that a send met and passed over; which destination they
   * are about the kernel tells only where IP_RECVERR is set (ip(7)) */
  softErrors: number;
  /** ICMP and local errors read from the error queue */
  icmpMessages: number;
  /** transmit timestamps read from the error queue */
  timestamps: number;
  /** timestamps of sends that are no longer remembered (the latest 4096 are), without a time, or
   * with one that cannot be, since the wall clock has been stepped */
  unknownStamps: number;
  /** error-queue messages of any other origin */
  unknownMessages: number;
  /** error-queue messages whose control part was cut */
  truncatedMessages: number;
  /** kernel ids notified more than once; 0 unless the kernel is at fault */
  duplicateIds: number;
  /** kernel ids notified but never given out; 0 unless the kernel is at fault */
  unknownIds: number;
  /** kernel ids that a refused datagram took all the same, and that were passed over */
  phantomIds: number;
  /** bytes from the peer, read and dropped */
  discardedBytes: number;
  /** calls that had the kernel look at a ring */
  kicks: number;
  /** times that driver or queueing discipline refused a ring frame, which was then tried again, for up
   * to a second if nothing else of the socket is in the kernel */
  refusedFrames: number;
  /** packets that AF_XDP, when it copies, reports as dropped by the device (no carrier, say): the
   * kernel has let go of their frames, so they complete as any other, but they were not sent */
  droppedFrames: number;
  /** kicks that met an interface that was down */
  linkDown: number;
  /** packets that the interface of a packet or XDP socket has dropped since the socket was opened,
   * by its own count (`tx_dropped`, rtnetlink(7)): all who send through it are in it. 0 where it is
   * not told, as of other sockets */
  interfaceDropped: number;
  /** times the poller thread worked for this socket */
  wakes: number;
}

/** A snapshot of one socket: its counts, and what is in flight. */
export interface SocketStats extends SocketCounters {
  /** nanoseconds from send to each stage; empty without the option `timestamps` */
  latency: Partial<Record<TimestampStage, LatencySummary>>;
  /** ids whose completion has not been delivered */
  inFlight: number;
  /** the most that `inFlight` has been */
  mostInFlight: number;
  /**
   * the send that has been in flight for longest, and for how many nanoseconds: of one that was sent
   * before measuring began, since that. Null when nothing is in flight
   */
  oldest: {
    /** Id of the send. */
    id: number;
    /** Nanoseconds since it was accepted. */
    age: number;
  } | null;
  /** ids that the event `stall` has named, with the option `stallAfter` */
  stalled: number;
  /**
   * how long sends took to complete. Measured from the first call of `stats()` on, or from the beginning
   * with the option `measureLatency`; null of a socket that had closed before
   */
  completionLatency: CompletionLatency | null;
  /** with the option `submit: 'thread'`: the submission thread, and what waits for it; else null */
  submit: SubmitStats | null;
}

/** A network interface, as the kernel tells of it at the moment. */
export interface LinkInfo {
  /** ifindex, which names cannot be confused with: an interface that is made anew has another */
  index: number;
  /** it was set up (IFF_UP). While it is not, frames wait */
  up: boolean;
  /** it can transmit. While it is up and cannot, it drops what it is given */
  carrier: boolean;
  /** RFC 2863, as in /sys/class/net; `'notpresent'` of one that was removed */
  operstate: 'unknown' | 'notpresent' | 'down' | 'lowerlayerdown' | 'testing' | 'dormant' | 'up';
}

/**
 * A TCP connection as its kernel sees it (TCP_INFO, tcp(7)). Null is what this kernel does not tell; all
 * but what says a version is told by every kernel that the library runs on.
 */
export interface TcpInfo {
  /** bytes of your sends that the peer's kernel has acknowledged; Linux 4.1 */
  acknowledgedBytes: number | null;
  /** bytes in the kernel that have not gone out once: they wait for a window; Linux 4.6 */
  notSentBytes: number | null;
  /** round trip, smoothed */
  roundTripMicroseconds: number | null;
  /** how much round trips differ: their mean deviation */
  roundTripVariationMicroseconds: number | null;
  /** the shortest round trip of the last minutes; Linux 4.6 */
  leastRoundTripMicroseconds: number | null;
  /** segments sent again, since the connection was opened */
  retransmittedSegments: number | null;
  /** segments that are out and not acknowledged */
  unacknowledgedSegments: number | null;
  /** of those, the ones that the kernel takes for lost */
  lostSegments: number | null;
  /** segments that may be out, by the congestion window */
  congestionWindowSegments: number | null;
  /** bytes of a segment, without headers */
  segmentSizeBytes: number | null;
  /** bytes that the peer has room for: 0 when it does not read; Linux 5.4 */
  sendWindowBytes: number | null;
  /** bytes a second that have arrived, as lately measured; Linux 4.9 */
  deliveryBytesPerSecond: number | null;
}

/** What the kernel granted, its limits, and why something is off. */
export interface SocketInfo {
  /** which kind of socket it is */
  protocol: 'tcp' | 'udp' | 'packet' | 'xdp';
  /** the interface of a packet or XDP socket, by the name that it has now */
  interface?: string;
  /** what that interface is now; without netlink(7) it is not told */
  link?: LinkInfo;
  /** frames of the ring and bytes that each holds, of a packet or XDP socket */
  ring?: {
    /** frames of the ring */
    frames: number;
    /** bytes of each, headers of the ring included */
    frameSize: number;
    /** of a packet socket: frames that wait for one that was acquired before them, and its index */
    waiting?: number | undefined;
    /** the index of the frame that they wait for */
    waitsFor?: number | undefined;
  };
  /** of a packet socket, whether each frame begins with a virtio_net_hdr of 10 bytes: the option */
  virtioNetHeader?: boolean;
  /** what AF_XDP granted, and why */
  xdp?: {
    /** the transmit queue */
    queue: number;
    /** whether the driver sends from the frames in place */
    granted: 'zerocopy' | 'copy';
    /** why it was granted that */
    reason: string;
    /** packets out of several frames: `sendPacket` */
    multiFrame: {
      /** whether the kernel takes packets out of several frames */
      granted: boolean;
      /** frames of a packet, at most */
      maxFrames: number;
      /** bytes of a packet, at most */
      maxLength: number;
      /** why, or why not */
      reason: string;
    };
  };
  /** 'on', 'off', or why the kernel refused SO_TIMESTAMPING */
  timestamps: string;
  /** frames wait because the interface is down */
  linkDown: boolean;
  /** the own address; undefined of packet and XDP sockets, and of one that is closed */
  local:
    | {
        /** a numeric IP address */
        address: string;
        /** 1 to 65535 */
        port: number;
      }
    | undefined;
  /** the address of the peer; undefined without one */
  remote:
    | {
        /** a numeric IP address */
        address: string;
        /** 1 to 65535 */
        port: number;
      }
    | undefined;
  /** whether sends ask for zero copy */
  zeroCopy: {
    /** the option */
    mode: 'auto' | 'always' | 'never';
    /** bytes from which `'auto'` asks */
    threshold: number;
    /** sends ask for it now */
    active: boolean;
    /** why they do not; undefined when they do */
    reason: string | undefined;
  };
  /** who makes the system calls of its sends */
  submit: SubmitInfo;
  /** SO_SNDBUF as granted, in bytes; the kernel counts its overhead in it, so it doubles a request */
  sendBufferSize: number | undefined;
  /** SO_MAX_PACING_RATE in bytes a second; undefined without one */
  maxPacingRate: number | undefined;
  /** path MTU in bytes, of a connected socket; of a packet or XDP socket that of its interface */
  mtu: number | undefined;
  /** UDP_SEGMENT in bytes; 0 when off */
  segmentSize: number;
  /**
   * With a `segmentSize`: whether a send is handed over as a whole, to be cut by the kernel or the
   * device, or datagram by datagram, copied, because the way that the latest sends took refuses the
   * whole; and why. Undefined without one.
   */
  segmentation?: {
    /** sends go out as a whole */
    whole: boolean;
    /** why they do not; undefined when they do */
    reason: string | undefined;
  };
  /** bytes of the longest send that this socket takes now; of a packet or XDP socket it follows the
   * MTU, up to what a frame holds */
  maxSendLength: number;
  /** of a TCP or UDP socket: its options of the kernel as they are now. What the kernel does not tell is
   * not there: the `multicastInterface` of IPv4, and all of a socket that is closed */
  settings?: SocketSettings;
  /** the TCP peer has ended its side */
  peerClosed: boolean;
  /** the connection of a TCP socket; null of other sockets, and when there is none any more */
  tcp: TcpInfo | null;
  /** limits of the system that bound what is in flight */
  limits: {
    /** net.core.optmem_max in bytes, of this network namespace: bounds sends in flight (about 830
     * bytes for each that the kernel cannot merge) */
    optmemMax: number | undefined;
    /** RLIMIT_MEMLOCK in bytes: bounds pages in flight of all the user's processes, unless
     * CAP_IPC_LOCK */
    memlock: number | undefined;
  };
}
