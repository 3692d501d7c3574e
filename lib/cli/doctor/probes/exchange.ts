import { BufferPool, type CompletionRange, type ZeroCopySocket } from '../../../index.js';

export type Family = 4 | 6;

/** The loopback address of a family. */
export const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;

/** Sends one buffer, and waits for its completion. */
export async function exchange(socket: ZeroCopySocket, length: number) {
  const pool = new BufferPool({ bufferSize: length, count: 1 });
  const buffer = await pool.acquire();
  buffer.bytes.fill(0x5a);
  const completion = completionOf(socket);
  socket.send(buffer, length);
  const range = await completion;
  const { kernelIds, notifications, noBuffers, inlineFallbacks } = socket.stats();
  return {
    how: range.how,
    ...(range.code !== undefined && { code: range.code }),
    bytes: length,
    kernelIds,
    notifications,
    noBuffers,
    inlineFallbacks,
    reason: socket.info().zeroCopy.reason,
  };
}

/** The first completion of a socket. @throws what has ended the socket */
export function completionOf(socket: ZeroCopySocket): Promise<CompletionRange> {
  return new Promise((resolve, reject) => {
    let end: CompletionRange | undefined;
    socket.once('complete', (range) => {
      end = range;
      // The error that ends a socket comes after its completions.
      if (range.how !== 'failed' && range.how !== 'revoked') resolve(range);
    });
    socket.once('error', reject);
    socket.once('close', () => end && resolve(end));
  });
}
