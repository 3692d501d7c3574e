export type { CodedError, ErrorCode } from './base/errors.js';
export type { LatencyBucket, LatencySummary } from './base/latency-histogram.js';
export { BufferPool, type BufferPoolOptions, type BufferPoolStats } from './buffers/buffer-pool.js';
export { BufferRun } from './buffers/buffer-run.js';
export type { CompletionLatency, OldestSend } from './buffers/completion-latency.js';
export type { BufferSlice, PartLengths, SendPart } from './buffers/parts.js';
export type { AcquireOptions } from './buffers/pool-options.js';
export { PoolShare, type PoolShareOptions, type PoolShareStats } from './buffers/pool-share.js';
export { PooledBuffer } from './buffers/pooled-buffer.js';
export { Alarm } from './engine/alarm.js';
export type { CompletionsOptions } from './engine/completion-reader.js';
export type {
  CompletionStallMessage,
  DiagnosticMessage,
  DiagnosticMessages,
  SocketCloseMessage,
  SocketErrorMessage,
  SocketOpenMessage,
} from './engine/diagnostic-messages.js';
export type { Emitter } from './engine/emitter.js';
export type {
  CloseReport,
  CompletionRange,
  StalledRange,
  ZeroCopySocketEvents,
} from './engine/events.js';
export type { SocketOptions } from './engine/options.js';
export {
  type PoolSums,
  type ProcessStats,
  processStats,
  type SocketSums,
} from './engine/process-stats.js';
export type { SendManyOptions, SendOptions } from './engine/send-options.js';
export type {
  BindSettings,
  IpSettings,
  SocketSettings,
  TcpSettings,
  UdpSettings,
} from './engine/settings.js';
export { ZeroCopySocket } from './engine/socket.js';
export type { LinkInfo, SocketCounters, SocketInfo, SocketStats, TcpInfo } from './engine/stats.js';
export type { SubmitInfo, SubmitMode, SubmitStats } from './engine/submit-mode.js';
export type { Timestamp, TimestampStage } from './engine/timestamps.js';
export type { ZeroCopyMode } from './engine/zero-copy-policy.js';
export type { SocketAddress } from './sockets/address.js';
export { type LinkLayer, type PacketOptions, PacketSocket } from './sockets/packet.js';
export type { RingSocket } from './sockets/ring.js';
export { type TcpOptions, TcpSocket } from './sockets/tcp.js';
export { type UdpOptions, UdpSocket } from './sockets/udp.js';
export { UdpDestination } from './sockets/udp-destination.js';
export { type XdpOptions, XdpSocket } from './sockets/xdp.js';
