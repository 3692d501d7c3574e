import { on, once } from 'node:events';
import {
  BufferPool,
  type CloseReport,
  type CodedError,
  type CompletionLatency,
  type CompletionRange,
  type DiagnosticMessages,
  type ErrorCode,
  PacketSocket,
  type PooledBuffer,
  type ProcessStats,
  type processStats,
  type SendPart,
  type SocketInfo,
  type SocketOptions,
  type SocketStats,
  type StalledRange,
  type TcpInfo,
  TcpSocket,
  UdpSocket,
  XdpSocket,
  ZeroCopySocket,
  type ZeroCopySocketEvents,
} from 'zerosend';
import { same } from './equal.js';

// ---- opening ------------------------------------------------------------------------------------

const tcp = await TcpSocket.connect({ host: 'localhost', port: 9 });
const udp = await UdpSocket.open();
const packet = await PacketSocket.open({ interface: 'eth0' });
const xdp = await XdpSocket.open({ interface: 'eth0', mode: 'copy', frameSize: 4096 });
same<typeof tcp, TcpSocket>(true);
same<typeof udp, UdpSocket>(true);
same<typeof packet, PacketSocket>(true);
same<typeof xdp, XdpSocket>(true);

const options: SocketOptions = {
  zeroCopy: 'auto',
  zeroCopyThreshold: 10_240,
  sendBufferSize: 1 << 20,
  maxQueuedSends: 8,
  maxPacingRate: 1e6,
  interface: 'lo',
};
TcpSocket.connect({ host: 'localhost', port: 9, signal: AbortSignal.timeout(5), ...options });
UdpSocket.open({
  family: 6,
  address: '::1',
  port: 0,
  remote: { address: '::1', port: 9 },
  segmentSize: 1400,
  ...options,
});

// @ts-expect-error a host
TcpSocket.connect({ port: 9 });
// @ts-expect-error a port
TcpSocket.connect({ host: 'localhost' });
// @ts-expect-error connect opens it
new TcpSocket();
// @ts-expect-error open opens it
new UdpSocket();
// @ts-expect-error abstract
new ZeroCopySocket();
// @ts-expect-error 4 or 6
UdpSocket.open({ family: 5 });
// @ts-expect-error not one of the three
UdpSocket.open({ zeroCopy: 'sometimes' });
// @ts-expect-error an address with a port
UdpSocket.open({ remote: { address: '::1' } });
// @ts-expect-error an interface
PacketSocket.open({});
// @ts-expect-error 2048 or 4096
XdpSocket.open({ interface: 'eth0', frameSize: 1024 });

// Each is one of them.
const sockets: ZeroCopySocket[] = [tcp, udp, packet, xdp];
const [socket = tcp] = sockets;
// @ts-expect-error a TCP socket has one peer
tcp.sendTo;
same<typeof packet.pool, BufferPool>(true);
same<typeof xdp.pool, BufferPool>(true);
// @ts-expect-error the ring is the pool
packet.pool = new BufferPool();

// ---- sending ------------------------------------------------------------------------------------

const pool = new BufferPool();
const buffer = await pool.acquire();
same<ReturnType<typeof socket.send>, number>(true);
socket.send(buffer, 10);
socket.send(new Uint8Array(10));
socket.send(Buffer.from('text'), 2);
// @ts-expect-error bytes
socket.send('text');
// @ts-expect-error bytes
socket.send(new Uint16Array(2));
// @ts-expect-error bytes
socket.send(new ArrayBuffer(2));
// @ts-expect-error it may be null
socket.send(pool.tryAcquire(), 10);
// @ts-expect-error a number
socket.send(buffer, '10');

// Parts.
const udpParts: readonly SendPart[] = [buffer, new Uint8Array(2), { buffer, offset: 2, length: 2 }];
same<ReturnType<typeof socket.send>, number>(true);
socket.send(udpParts, [1, undefined, undefined], { tag: 'parts' });
socket.send([new Uint8Array(2), Buffer.from('text')]);
socket.send([buffer, buffer] as const, new Uint32Array(2));
packet.send([new Uint8Array(2), { buffer, offset: 2, length: 2 }]);
udp.sendTo([buffer], [1], { address: '127.0.0.1', port: 9 });
same<Parameters<typeof socket.send>[0], PooledBuffer | Uint8Array>(true);
// @ts-expect-error one length for each
socket.send([buffer, buffer], 10);
// @ts-expect-error bytes
socket.send([buffer, 'text'], [1, 1]);
// @ts-expect-error no such name
socket.send([{ buffer, begin: 2 }]);

same<ReturnType<typeof socket.sendMany>, { first: number; last: number }>(true);
socket.sendMany([buffer], 10);
socket.sendMany([buffer] as const, [10]);
socket.sendMany([buffer], new Uint32Array(1));
// @ts-expect-error lengths are required
socket.sendMany([buffer]);
// @ts-expect-error pooled buffers only
socket.sendMany([new Uint8Array(10)], 10);

same<ReturnType<typeof xdp.sendPacket>, number>(true);
xdp.sendPacket([buffer, buffer], 3000);
xdp.sendPacket([buffer, buffer] as const, new Uint32Array(2));
// @ts-expect-error a length
xdp.sendPacket([buffer]);
// @ts-expect-error a packet is not one buffer
xdp.sendPacket(buffer, 100);
// @ts-expect-error only AF_XDP has it
packet.sendPacket;
same<NonNullable<SocketInfo['xdp']>['multiFrame']['maxFrames'], number>(true);
same<SocketInfo['maxPacingRate'], number | undefined>(true);
same<SocketStats['droppedFrames'], number>(true);
// @ts-expect-error AF_XDP goes past what would pace it
XdpSocket.open({ interface: 'eth0', maxPacingRate: 1000 });

same<ReturnType<typeof udp.sendTo>, number>(true);
udp.sendTo(buffer, 10, { address: '198.18.0.1', port: 9 });
// @ts-expect-error a port
udp.sendTo(buffer, 10, { address: '198.18.0.1' });
// @ts-expect-error a length
udp.sendTo(buffer, { address: '198.18.0.1', port: 9 });

// ---- events -------------------------------------------------------------------------------------

socket.on('complete', (range) => same<typeof range, CompletionRange>(true));
socket.on('drain', (...none) => same<typeof none, []>(true));
socket.on('error', (error) => same<typeof error, Error>(true));
socket.once('close', (report) => same<typeof report, CloseReport>(true));
// @ts-expect-error no such event
socket.on('data', () => {});
// @ts-expect-error it gets a range
socket.on('complete', (id: number) => id);

same<
  CompletionRange,
  {
    first: number;
    last: number;
    how: 'zerocopy' | 'copied' | 'inline' | 'revoked' | 'failed';
    code?: string;
    tags?: readonly unknown[];
  }
>(true);
same<StalledRange, { first: number; last: number; age: number; tags?: readonly unknown[] }>(true);
same<Parameters<ZeroCopySocketEvents['stall']>, [late: StalledRange]>(true);
same<
  CloseReport,
  {
    outcome: 'drained' | 'aborted' | 'revoked';
    ids: number;
    unfinished: number;
    bytesAccepted: number;
    bytesAcknowledged: number | undefined;
    error: CodedError | null;
  }
>(true);
same<Parameters<ZeroCopySocketEvents['complete']>, [range: CompletionRange]>(true);
same<Parameters<ZeroCopySocketEvents['close']>, [report: CloseReport]>(true);

// The functions of node:events take a socket.
const [closeReport] = (await once(socket, 'close')) as [CloseReport];
same<typeof closeReport, CloseReport>(true);
for await (const [range] of on(udp, 'complete')) same<typeof range, unknown>(false);
same<typeof socket extends NodeJS.EventEmitter ? true : false, true>(true);
socket.prependListener('complete', ({ first }) => first);
// @ts-expect-error no such event
socket.prependOnceListener('data', () => {});

// ---- watching -----------------------------------------------------------------------------------

const tagged: number = socket.send(new Uint8Array(1), 1, { tag: { any: 'thing' } });
udp.sendTo(new Uint8Array(1), 1, { address: '::1', port: tagged }, { tag: 1 });
socket.sendMany([], 1, { tags: ['a', 1] });
xdp.sendPacket([], 1, { tag: null });
// @ts-expect-error each has its own
socket.sendMany([], 1, { tag: 'a' });
for await (const range of socket.completions({ limit: 10 }))
  same<typeof range, CompletionRange>(true);
same<SocketStats['completionLatency'], CompletionLatency | null>(true);
same<SocketStats['oldest'], { id: number; age: number } | null>(true);
same<CompletionLatency['p99'], number>(true);
same<SocketInfo['tcp'], TcpInfo | null>(true);
same<ReturnType<typeof processStats>, ProcessStats>(true);
same<DiagnosticMessages['zerosend:socket:open']['socket'], ZeroCopySocket>(true);
TcpSocket.connect({ host: 'localhost', port: 9, stallAfter: 1000, measureLatency: true });
PacketSocket.open({ interface: 'eth0', stallAfter: 1000, measureLatency: true });
XdpSocket.open({ interface: 'eth0', stallAfter: 1000, measureLatency: true });

// ---- state and waiting --------------------------------------------------------------------------

same<
  Pick<ZeroCopySocket, 'fd' | 'nextId' | 'inFlight' | 'needDrain'>,
  {
    readonly fd: number;
    readonly nextId: number;
    readonly inFlight: number;
    readonly needDrain: boolean;
  }
>(true);
// @ts-expect-error read only
socket.fd = 3;
// @ts-expect-error read only
socket.nextId = 0;
// @ts-expect-error internal
socket._handle;
// @ts-expect-error internal
socket._settle();

same<ReturnType<typeof socket.poll>, number>(true);
same<ReturnType<typeof socket.completed>, Promise<void>>(true);
same<ReturnType<typeof socket.flush>, Promise<void>>(true);
same<ReturnType<typeof socket.close>, Promise<CloseReport>>(true);
same<ReturnType<typeof socket.abort>, Promise<CloseReport>>(true);
same<ReturnType<typeof socket.stats>, SocketStats>(true);
same<ReturnType<typeof socket.info>, SocketInfo>(true);
same<ReturnType<typeof tcp.ref>, TcpSocket>(true);
same<ReturnType<typeof udp.unref>, UdpSocket>(true);
socket.completed(0, { signal: AbortSignal.abort() });
socket.flush({});
socket.close({ timeout: 100 });
socket.close({ timeout: 100, signal: AbortSignal.timeout(1000) });
// @ts-expect-error an object
socket.close(100);
// @ts-expect-error abort takes nothing
socket.abort({ timeout: 100 });
{
  await using scoped = udp;
  same<typeof scoped, UdpSocket>(true);
}

// ---- errors -------------------------------------------------------------------------------------

const code: ErrorCode = 'ERR_ZEROSEND_QUEUE_FULL';
// @ts-expect-error no such code
const wrong: ErrorCode = 'ERR_ZEROSEND_QUEUE_EMPTY';
same<CodedError['code'], string>(true); // the system's codes, too
same<CodedError['errno'], number | undefined>(true);
export default [code, wrong];
