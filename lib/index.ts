export { BufferPool, type BufferPoolOptions, type BufferPoolStats } from './buffer-pool.js';
export type { CodedError, ErrorCode } from './errors.js';
export type { SocketOptions } from './options.js';
export { PooledBuffer } from './pooled-buffer.js';
export {
  type CloseReport,
  type CompletionRange,
  ZeroCopySocket,
  type ZeroCopySocketEvents,
} from './socket.js';
export type { SocketInfo, SocketStats } from './socket-stats.js';
export { type TcpOptions, TcpSocket } from './tcp-socket.js';
export { type UdpOptions, UdpSocket } from './udp-socket.js';
