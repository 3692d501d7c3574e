import { createSocket, type Socket as Dgram } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { TcpSocket, UdpSocket } from '../../../index.js';
import { exchange, type Family, LOOPBACK } from './exchange.js';

/** Small, so that a tight limit of locked memory still allows one send. */
const BYTES = 16_384;
const SEGMENT = 1000;
const SEGMENTS = 5;

/** Sends with MSG_ZEROCOPY over a TCP connection to this process. */
export async function tcpZeroCopy(family: Family) {
  return withListener(family, async (port) => {
    const socket = await TcpSocket.connect({ host: LOOPBACK[family], port, zeroCopy: 'always' });
    try {
      return await exchange(socket, BYTES);
    } finally {
      await socket.abort();
    }
  });
}

/** Sends a datagram with MSG_ZEROCOPY to this process. */
export async function udpZeroCopy(family: Family) {
  return withDatagrams(family, async (remote) => {
    const socket = await UdpSocket.open({ remote, zeroCopy: 'always' });
    try {
      const { sendBufferSize } = socket.info();
      return { ...(await exchange(socket, BYTES)), sendBufferSize };
    } finally {
      await socket.abort();
    }
  });
}

/** Makes one send with UDP_SEGMENT, which has to arrive as several datagrams. */
export async function udpSegments() {
  return withDatagrams(4, async (remote, receiver) => {
    const socket = await UdpSocket.open({ remote, segmentSize: SEGMENT, zeroCopy: 'always' });
    try {
      const lengths: number[] = [];
      const arrived = new Promise<void>((resolve) => {
        receiver.on('message', ({ length }) => {
          lengths.push(length);
          if (lengths.length === SEGMENTS) resolve();
        });
      });
      const sent = await exchange(socket, SEGMENTS * SEGMENT);
      await arrived;
      const { whole = false, reason = null } = socket.info().segmentation ?? {};
      return { ...sent, segmentSize: SEGMENT, datagrams: lengths.length, whole, reason };
    } finally {
      await socket.abort();
    }
  });
}

/** Sends a datagram with software timestamps to this process. */
export async function udpTimestamps() {
  return withDatagrams(4, async (remote) => {
    const socket = await UdpSocket.open({ remote, timestamps: 'software', zeroCopy: 'never' });
    try {
      const stamped = once(socket, 'timestamp');
      const { timestamps } = socket.info();
      if (timestamps !== 'on') return { option: timestamps };
      await exchange(socket, BYTES);
      const [{ stage, latency }] = await stamped;
      return { option: timestamps, stage, latency };
    } finally {
      await socket.abort();
    }
  });
}

/** Opens a connection with a pacing rate, and returns the rate that the kernel reports. */
export async function tcpPacing() {
  const asked = 1_000_000_000;
  return withListener(4, async (port) => {
    const socket = await TcpSocket.connect({ host: LOOPBACK[4], port, maxPacingRate: asked });
    const { maxPacingRate } = socket.info();
    await socket.abort();
    return { asked, granted: maxPacingRate ?? null };
  });
}

async function withListener<T>(family: Family, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer((peer) => {
    peer.on('error', () => {}); // the connection is reset at the end of the probe
    peer.resume();
  });
  server.listen(0, LOOPBACK[family]);
  await once(server, 'listening');
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

async function withDatagrams<T>(
  family: Family,
  use: (remote: { address: string; port: number }, receiver: Dgram) => Promise<T>,
): Promise<T> {
  const receiver = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    receiver.bind(0, LOOPBACK[family]);
    await once(receiver, 'listening');
    const broken = new Promise<never>((_, reject) => receiver.once('error', reject));
    const remote = { address: LOOPBACK[family], port: receiver.address().port };
    return await Promise.race([use(remote, receiver), broken]);
  } finally {
    receiver.close();
  }
}
