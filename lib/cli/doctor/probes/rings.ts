import { PacketSocket, XdpSocket, type ZeroCopySocket } from '../../../index.js';
import { refusalOf } from './attempt.js';
import { completionOf } from './exchange.js';

/** The EtherType for local experiments (IEEE 802), for frames that no program receives. */
const EXPERIMENTAL = 0x88b5;
const FRAME_BYTES = 64;

const SMALL = { frames: 16, frameSize: 2048 } as const;

/** Sends a frame by the transmit ring through the loopback interface. */
export async function packetRing(loopback: string) {
  const socket = await PacketSocket.open({ ...SMALL, interface: loopback });
  return { interface: loopback, ...(await sendFrame(socket)) };
}

/** Sends a frame by AF_XDP through the loopback interface. */
export async function xdpRing(loopback: string) {
  const socket = await XdpSocket.open({ ...SMALL, interface: loopback });
  const { granted, reason, multiFrame } = socket.info().xdp ?? {};
  const sent = await sendFrame(socket);
  return { interface: loopback, granted, reason, multiFrame: multiFrame?.granted, ...sent };
}

async function sendFrame(socket: ZeroCopySocket & { pool: PacketSocket['pool'] }) {
  try {
    if (socket.info().link?.up === false) return { linkDown: true };
    const completion = completionOf(socket);
    const frame = await socket.pool.acquire();
    frame.bytes.fill(0, 0, FRAME_BYTES);
    frame.bytes.writeUInt16BE(EXPERIMENTAL, 12);
    socket.send(frame, FRAME_BYTES);
    const { how } = await completion;
    return { how, linkDown: false };
  } finally {
    await socket.abort();
  }
}

/** Opens a transmit ring on any interface, and sends nothing. */
export async function openPacket(name: string) {
  const socket = await PacketSocket.open({ ...SMALL, interface: name });
  const { link, mtu, maxSendLength } = socket.info();
  await socket.close();
  return { interface: name, link, mtu, maxSendLength };
}

/** Asks an interface for AF_XDP in both modes, and sends nothing. */
export async function openXdp(name: string) {
  const copy = await granted(name, 'copy');
  const zerocopy = await granted(name, 'zerocopy');
  return { interface: name, queue: 0, copy, zerocopy };
}

async function granted(name: string, mode: 'copy' | 'zerocopy') {
  try {
    const socket = await XdpSocket.open({ ...SMALL, interface: name, mode });
    const { granted, multiFrame } = socket.info().xdp ?? {};
    await socket.close();
    return { granted: granted === mode, multiFrame };
  } catch (error) {
    return { granted: false, error: refusalOf(error) };
  }
}
