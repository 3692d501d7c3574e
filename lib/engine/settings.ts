/** What any TCP or UDP socket can be set to, when it is opened and later. */
export interface IpSettings {
  /**
   * Hops that packets live for: IP_TTL (ip(7)), of IPv6 IPV6_UNICAST_HOPS (ipv6(7)). 1 to 255; default
   * the system's, mostly 64. Multicast has `multicastTtl`.
   */
  ttl?: number | undefined;
  /**
   * The byte of the IP header with DSCP (times 4) and ECN: IP_TOS (ip(7)), of IPv6 IPV6_TCLASS (ipv6(7)).
   * 0 to 255; default 0. TCP keeps the two bits of ECN for itself. The kernel makes `priority` of it as
   * well: set that behind it.
   */
  tos?: number | undefined;
  /**
   * Which band or class a queueing discipline puts packets into: SO_PRIORITY (socket(7)). 0 to
   * 2^31-1; default 0. Above 6 it needs CAP_NET_ADMIN (or CAP_NET_RAW), else `EPERM`.
   */
  priority?: number | undefined;
  /**
   * The mark by which rules of routing and filters know the packets: SO_MARK (socket(7)). 0 to 2^32-1;
   * default 0. It needs CAP_NET_ADMIN (or, since Linux 5.17, CAP_NET_RAW), else `EPERM`.
   */
  mark?: number | undefined;
}

/** What a UDP socket can be set to, when it is opened and later. */
export interface UdpSettings extends IpSettings {
  /** Lets it send to broadcast addresses, which is else refused with `EACCES`: SO_BROADCAST (socket(7)). Default false. */
  broadcast?: boolean | undefined;
  /**
   * Hops that packets to groups live for: IP_MULTICAST_TTL (ip(7)), of IPv6 IPV6_MULTICAST_HOPS (ipv6(7)).
   * 0 (this host) to 255; default 1 (this network).
   */
  multicastTtl?: number | undefined;
  /**
   * Whether members on this host get what is sent to their group: IP_MULTICAST_LOOP (ip(7)), of IPv6
   * IPV6_MULTICAST_LOOP (ipv6(7)). Default true.
   */
  multicastLoop?: boolean | undefined;
  /**
   * The name of the interface by which packets to groups leave: IP_MULTICAST_IF (ip(7)), of IPv6
   * IPV6_MULTICAST_IF (ipv6(7)). Default: the route's. The socket stays with the interface that has the
   * name now. `ENODEV` for one that does not exist.
   */
  multicastInterface?: string | undefined;
}

/** What a TCP socket can be set to, when it is opened and later. */
export interface TcpSettings extends IpSettings {
  /** Asks a peer that says nothing whether it is there: SO_KEEPALIVE (socket(7)). Default false. */
  keepAlive?: boolean | undefined;
  /** With `keepAlive`: seconds of silence before the first question, TCP_KEEPIDLE (tcp(7)). 1 to 32,767; default the system's, mostly 7200. */
  keepAliveIdle?: number | undefined;
  /** With `keepAlive`: seconds between questions, TCP_KEEPINTVL (tcp(7)). 1 to 32,767; default the system's, mostly 75. */
  keepAliveInterval?: number | undefined;
  /** With `keepAlive`: questions without an answer that end the connection (`ETIMEDOUT`), TCP_KEEPCNT (tcp(7)). 1 to 127; default the system's, mostly 9. */
  keepAliveProbes?: number | undefined;
  /**
   * Milliseconds that sent data may stay unacknowledged, or unsent for want of a window, before the
   * connection ends with `ETIMEDOUT`: TCP_USER_TIMEOUT (tcp(7)). 0 to 2^31-1; default 0, the system's,
   * which is many minutes.
   */
  userTimeout?: number | undefined;
}

/** What can only be chosen before a socket has its address. */
export interface BindSettings {
  /**
   * Lets other sockets bind to the same address and port (SO_REUSEADDR, socket(7)), if they ask for it
   * as well. Default false.
   */
  reuseAddress?: boolean | undefined;
  /**
   * Lets other sockets of the same user bind to the same address and port, if they all ask for it
   * (SO_REUSEPORT, socket(7)): several senders, one source port. Default false.
   */
  reusePort?: boolean | undefined;
}

/** What the kernel says that a socket is set to now. */
export type SocketSettings = {
  -readonly [K in keyof (UdpSettings & TcpSettings & BindSettings)]?: NonNullable<
    (UdpSettings & TcpSettings & BindSettings)[K]
  >;
};
