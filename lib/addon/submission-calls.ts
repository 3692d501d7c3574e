/** The calls of the addon that have to do with the submission thread: see submission.ts. */
export interface SubmissionCalls {
  /** Has the thread serve a socket from now on. */
  useSubmitter(handle: number, cells: Int32Array): boolean;
  wakeSubmitter(): void;
  /** Moves the descriptors that are published out of the ring. */
  takeIn(): void;
  /** Hands over all that is published of a socket, now. */
  handOver(handle: number): void;
  /** The same, and reads completions. The records are in the stream then. */
  pollSubmitted(handle: number): void;
  /** As `sendPlain`, behind all that is published; the kernel's refusals fail the id. */
  submitPlain(handle: number, bytes: Uint8Array, length: number, flags: number): number;
  /**
   * Looks at what is written and not published: 0, or a negated errno for what must not be; `refusedIndex`
   * of the mailbox says which send.
   */
  checkLines(handle: number, lines: number, rested: boolean): number;
  /** Writes the address of `setDestination` where `sendMany` has its requests. */
  copyDestination(): void;
  /** Moves records that have found no room into the stream. */
  pumpStream(): void;
  /** Sends that wait for the thread; its sleeps, wakes, and nanoseconds spun. */
  submitterFigures(handle: number): [number, number, number, number];
}
