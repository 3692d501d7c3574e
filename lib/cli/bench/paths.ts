import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { freemem, networkInterfaces } from 'node:os';
import type { Destination, PathDescription } from './messages.js';
import { type Endpoint, makeSink, Receiver, type RingTarget } from './network.js';

type Mechanism = 'udp' | 'tcp' | 'ring';

/** The destination of each mechanism. */
export interface Path {
  readonly udp?: Endpoint;
  readonly tcp?: Endpoint;
  readonly ring?: RingTarget;
  /** the interface for SO_BINDTODEVICE, and for the ring */
  readonly interface?: string | undefined;
  readonly description: Omit<PathDescription, 'coldBytes'>;
  close(): Promise<void>;
}

/** There is no such path on this system. Another kind may work. */
export class PathUnavailable extends Error {}

/** @throws PathUnavailable */
export async function openPath(
  destination: Destination,
  mechanisms: readonly Mechanism[],
): Promise<Path> {
  switch (destination.kind) {
    case 'sink':
      return await sink(mechanisms);
    case 'loopback':
      return await loopback();
    case 'named':
      return named(destination);
  }
}

async function sink(mechanisms: readonly Mechanism[]): Promise<Path> {
  let ring: RingTarget;
  try {
    ring = makeSink();
  } catch (error) {
    throw new PathUnavailable((error as Error).message);
  }
  const udp = { address: ring.address, port: ring.port };
  const drops =
    'an interface (ifb) in a network namespace of its own, which drops all and copies none';
  const remarks = [
    'The interface takes whatever comes at once: the figures are what the sending side costs.',
  ];
  const tcp = mechanisms.includes('tcp') ? await tcpOfSink() : undefined;
  if (tcp) remarks.push(tcp.remark);
  return {
    udp,
    ring,
    ...(tcp && { tcp: tcp.endpoint }),
    description: {
      kind: 'sink',
      ways: { udp: drops, ring: drops, ...(tcp && { tcp: tcp.way }) },
      leftOut: {},
      remarks,
    },
    close: async () => await tcp?.receiver.stop(),
  };
}

/** TCP needs a peer that acknowledges. */
async function tcpOfSink() {
  try {
    const { receiver, tcp } = await Receiver.behindVeth();
    return {
      receiver,
      endpoint: tcp,
      way: 'a veth to a receiver in another namespace, whose end takes packets as a network card does',
      remark:
        'What a card would fetch by DMA, the processor copies for the veth: over TCP, zero copy gains ' +
        'more on a card.',
    };
  } catch (error) {
    const { receiver, tcp } = await Receiver.onLoopback();
    const [reason] = (error as Error).message.split('\n');
    return {
      receiver,
      endpoint: tcp,
      way: 'loopback, where the kernel copies whatever is asked',
      remark:
        `TCP went over loopback, where zero copy cannot pay, since no veth could be made that does not ` +
        `copy (as root it can): ${reason}`,
    };
  }
}

async function loopback(): Promise<Path> {
  const { receiver, tcp, udp } = await Receiver.onLoopback();
  const way = 'loopback, to a receiver that reads and drops';
  return {
    udp,
    tcp,
    description: {
      kind: 'loopback',
      ways: { udp: way, tcp: way },
      leftOut: { ring: 'its frames are for an interface of a network' },
      remarks: [
        'Loopback makes the kernel copy whatever is asked: this shows what asking for zero copy costs ' +
          'where it cannot pay, and nothing of what a network card would gain.',
      ],
    },
    close: () => receiver.stop(),
  };
}

function named(destination: Destination): Path {
  const { address = '', port, interface: name, mac } = destination;
  const way = `${address}${name === undefined ? '' : ` by the interface ${name}`}`;
  const udp = { address, port: port ?? 9 };
  const source = isIPv4(address) && name !== undefined ? ownAddress(name) : undefined;
  const ring =
    source !== undefined && name !== undefined && mac !== undefined
      ? { interface: name, source, address, port: port ?? 9, mac }
      : undefined;
  return {
    udp,
    ...(port !== undefined && { tcp: { address, port } }),
    ...(ring && { ring }),
    interface: name,
    description: {
      kind: 'named',
      ways: {
        udp: `${way}, port ${udp.port}`,
        ...(port !== undefined && { tcp: `${way}, port ${port}` }),
        ...(ring && { ring: `frames to ${mac} on ${name}` }),
      },
      leftOut: {
        ...(port === undefined && {
          tcp: 'there has to be a receiver that reads and drops: name its port, --to ADDRESS:PORT',
        }),
        ...(!ring && {
          ring: 'needs --interface, with an IPv4 address of its own, and --mac, the Ethernet address of the next hop',
        }),
      },
      remarks: [
        'Where the link is the limit, ways of sending differ by the processor time they take: so gains ' +
          'are by bytes for each second of it.',
      ],
    },
    async close() {},
  };
}

function ownAddress(name: string): string | undefined {
  return networkInterfaces()[name]?.find(({ family }) => family === 'IPv4')?.address;
}

const FALLBACK = 32 << 20;

/**
 * Bytes that no cache of this machine holds: twice its largest, between 32 and 256 MiB; less only where
 * that would take more than an eighth of the memory that there is.
 */
export function bytesBeyondCaches(): number {
  let largest = FALLBACK / 2;
  for (let index = 0; index < 8; index++) {
    try {
      const path = `/sys/devices/system/cpu/cpu0/cache/index${index}/size`;
      const [, digits = '0', unit] = /^(\d+)([KM]?)/.exec(readFileSync(path, 'utf8')) ?? [];
      largest = Math.max(largest, Number(digits) * (unit === 'M' ? 2 ** 20 : 2 ** 10));
    } catch {
      break; // not known: /sys is not mounted, or does not list caches
    }
  }
  const memory = Math.min(freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return Math.min(2 * largest, 256 << 20, Math.floor(memory / 8));
}
