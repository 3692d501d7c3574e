/** Who makes the system calls of a socket's sends. */
export type SubmitMode = 'inline' | 'thread';

/** What `info()` says of who makes the system calls. */
export interface SubmitInfo {
  /** who does */
  granted: SubmitMode;
  /** why */
  reason: string;
  /** processors that the process might use when the thread was started; 0 inline */
  processors: number;
  /** microseconds for which the thread looks for more before it sleeps; 0 where it sleeps at once, and
   * inline */
  spin: number;
}

/** What `stats()` counts of a socket that the submission thread serves. */
export interface SubmitStats {
  /** sends of this socket that are published and that the thread has not handed over */
  depth: number;
  /** times that the thread has gone to sleep; this and the next are of the thread, which all sockets share */
  sleeps: number;
  /** times that it was woken */
  wakes: number;
  /** nanoseconds for which it has looked for more in vain */
  spun: number;
}

/** Of a socket that makes its own. */
export const INLINE: SubmitInfo = {
  granted: 'inline',
  reason: "the option submit is 'inline'",
  processors: 0,
  spin: 0,
};
