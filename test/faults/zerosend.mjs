// @ts-check
// The library on the test build of its addon, in which system calls can be made to fail. The choice
// has to be made before the first import of the library, so everything here imports it from here.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {'socket' | 'bind' | 'connect' | 'shutdown' | 'setsockopt' | 'getsockopt' | 'sendto'
 *   | 'sendmsg' | 'sendmmsg' | 'recvmsg' | 'recv' | 'epoll_create1' | 'epoll_ctl' | 'epoll_wait'
 *   | 'eventfd' | 'timerfd_create' | 'timerfd_settime' | 'ioctl' | 'mmap' | 'madvise' | 'remap'
 *   | 'clone_process' | 'open' | 'pread' | 'pipe2'} Call
 *
 * @typedef {keyof typeof constants.errno} Errno
 *
 * What happens to a call; see native/testing/faults.h.
 * @typedef {object} Fault
 * @property {number} [skip] calls to let pass first
 * @property {number} [times] then so many are struck; default 1
 * @property {number} [chance] or: each is struck with this probability, 0 to 1
 * @property {number} [delay] milliseconds to sleep before the call is made, or fails
 * @property {Errno} [error] without it the call is made, within `limit`
 * @property {boolean} [after] sendto, sendmsg, sendmmsg: the call is made, within `limit`, before it
 *   fails with `error`: what the kernel has taken by then (an id, the datagram) stays taken
 * @property {number} [limit] sendto, sendmsg: bytes, 0 for a random number; sendmmsg: messages; recvmsg:
 *   bytes of control messages
 * @property {number} [bytes] sendmmsg: of the last message within `limit`
 * @property {number} [only] strikes only calls with this option (setsockopt, getsockopt), operation
 *   (epoll_ctl), advice (madvise), request (ioctl) or flag (sendto, sendmsg, sendmmsg)
 *
 * @typedef {object} Hooks
 * @property {(call: Call, ...faults: object[]) => void} inject
 * @property {(call: Call) => { calls: number, struck: number }} faults since the last inject
 * @property {(seed?: number) => void} clearFaults
 * @property {(send: number, kernel: number) => void} setFirstIds of sockets opened from now on
 * @property {() => number[]} reportedRanges
 * @property {(kind: string) => void} setQdiscKind that netlink tells; '': the truth
 * @property {(count: number) => void} setMapCount that vm.max_map_count is; 0: the truth
 * @property {(port: number) => void} refuseSegments EIO for datagrams to it where UDP_SEGMENT is
 *   on, as on a way without segmentation; 0: none, 65536: all
 * @property {(fd: number, level: number, name: number, value: number) => number} setOption
 */

const addon = ['Release', 'Debug']
  .map((name) => fileURLToPath(new URL(`../../build/${name}/zerosend_test.node`, import.meta.url)))
  .find(existsSync);
if (addon === undefined) throw new Error('build/Release/zerosend_test.node has not been built');
process.env.ZEROSEND_NATIVE = addon;

const { Alarm, BufferPool, PacketSocket, TcpSocket, UdpDestination, UdpSocket, XdpSocket } =
  await import('zerosend');
const { slotOf } = await import('../../dist/buffers/pooled-buffer.js');
/** @type {Hooks} */
const hooks = createRequire(import.meta.url)(addon);

export { Alarm, BufferPool, PacketSocket, slotOf, TcpSocket, UdpDestination, UdpSocket, XdpSocket };
export const { clearFaults, faults, setFirstIds, setMapCount, refuseSegments } = hooks;
export const { setOption, setQdiscKind } = hooks;

/** Times enough for everything that a test does. */
export const ALWAYS = 2 ** 30;

/**
 * The faults of a call from now on, one after the other; none: it works.
 * @param {Call} call @param {Fault[]} list
 */
export function inject(call, ...list) {
  const numbers = list.map(({ error, ...fault }) => ({
    ...fault,
    error: error === undefined ? 0 : constants.errno[error],
  }));
  hooks.inject(call, ...numbers);
}

/**
 * The completions that the kernel has reported since the last call, each `[first, last]`. The first
 * call starts the record.
 * @returns {[number, number][]}
 */
export function reportedRanges() {
  const numbers = hooks.reportedRanges();
  return Array.from({ length: numbers.length / 2 }, (_, i) => [
    /** @type {number} */ (numbers[2 * i]),
    /** @type {number} */ (numbers[2 * i + 1]),
  ]);
}

// Numbers of the kernel, for `only` and setOption.
export const MSG_ZEROCOPY = 0x4000000;
export const SOL_IP = 0;
export const SOL_IPV6 = 41;
export const SIOCOUTQ = 0x5411;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_PRIORITY = 12;
export const SO_BINDTODEVICE = 25;
export const SO_MARK = 36;
export const SO_MAX_PACING_RATE = 47;
export const SO_ZEROCOPY = 60;
export const IP_RECVERR = 11;
export const IPV6_RECVERR = 25;
export const TCP_NODELAY = 1;
export const UDP_SEGMENT = 103;
export const SO_SNDBUFFORCE = 32;
export const PACKET_VERSION = 10;
export const PACKET_TX_RING = 13;
export const PACKET_VNET_HDR = 15;
export const PACKET_QDISC_BYPASS = 20;
export const XDP_MMAP_OFFSETS = 1;
export const XDP_TX_RING = 3;
export const XDP_UMEM_REG = 4;
export const XDP_UMEM_FILL_RING = 5;
export const XDP_UMEM_COMPLETION_RING = 6;
export const XDP_OPTIONS = 8;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const MADV_DONTFORK = 10;
export const MADV_HUGEPAGE = 14;
export const MADV_NOHUGEPAGE = 15;
