import { type Attempt, attempt } from './attempt.js';
import { devices, udpPacing } from './interfaces.js';
import { reservedHugePages, transparentHugePages } from './memory.js';
import { openPacket, openXdp, packetRing, xdpRing } from './rings.js';
import { tcpPacing, tcpZeroCopy, udpSegments, udpTimestamps, udpZeroCopy } from './zero-copy.js';

/** The probes, by the names of the findings. None sends anything that leaves this machine. */
export const PROBES = {
  'tcp4-zerocopy': () => tcpZeroCopy(4),
  'tcp6-zerocopy': () => tcpZeroCopy(6),
  'udp4-zerocopy': () => udpZeroCopy(4),
  'udp6-zerocopy': () => udpZeroCopy(6),
  'udp-gso': udpSegments,
  'packet-ring': () => packetRing(loopback()),
  'af-xdp': () => xdpRing(loopback()),
  'tcp-pacing': tcpPacing,
  timestamps: udpTimestamps,
  'transparent-huge-pages': transparentHugePages,
  'reserved-huge-pages': reservedHugePages,
  interfaces: async () => ({ devices: devices() }),
} as const;

/** Probes of one interface, whose name follows the colon. */
const PER_INTERFACE = {
  'udp-pacing': udpPacing,
  packet: (name: string) => attempt(() => openPacket(name)),
  xdp: (name: string) => attempt(() => openXdp(name)),
} as const;

export type ProbeName = keyof typeof PROBES | `${keyof typeof PER_INTERFACE}:${string}`;

/** Runs a probe. */
export function tryProbe(name: ProbeName): Promise<Attempt> {
  if (Object.hasOwn(PROBES, name)) return attempt(PROBES[name as keyof typeof PROBES]);
  const [kind = '', ...rest] = name.split(':');
  return PER_INTERFACE[kind as keyof typeof PER_INTERFACE](rest.join(':'));
}

function loopback(): string {
  try {
    return devices().find((device) => device.loopback)?.name ?? 'lo';
  } catch {
    return 'lo'; // without netlink(7), the usual name is assumed
  }
}
