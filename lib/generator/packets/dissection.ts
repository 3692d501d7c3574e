/** Where the parts of a captured frame are, as far as they were captured. -1: not there. */
export interface Dissection {
  /** the IP header, and which */
  ip: number;
  family: 4 | 6;
  /** what the last header that was followed says comes next */
  protocol: number;
  /** the header that the protocol says, of a whole packet or a first fragment */
  transport: number;
  /** the end of the IP packet: behind it an Ethernet frame is padded */
  end: number;
  /** a part of an IP packet only */
  fragment: boolean;
  /**
   * Where the destination of the pseudo header is, when the packet has a route to follow yet: each
   * route keeps the first `kept` bytes of what was the destination before it.
   */
  routes: { at: number; kept: number }[];
  /** the home address that the pseudo header has in place of the source (RFC 6275, 11.3.1) */
  home: number;
  /** IPv4 options, or IPv6 routing or destination options headers, have addresses */
  addressesInOptions: boolean;
  /** nothing lies between IP and transport that the kernel would not cut a packet behind */
  segmentable: boolean;
}
