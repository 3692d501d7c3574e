/** A socket as the reactor sees it. Only the reactor sets the flags. */
export interface Reactee {
  readonly handle: number;
  /** has sent since the reactor last looked */
  active: boolean;
  /** for so many turns with sends it is taken to rest before the next ones */
  restsOften: number;
  /** served by the submission thread: its records come by the stream */
  readonly streams: boolean;
  /** on the reactor's list */
  scheduled: boolean;
  /** was added to the reactor and not removed since */
  added: boolean;
  /** must not be garbage-collected */
  needed: boolean;
  /** counted among those that keep the process alive */
  held: boolean;
  /** how many of its events have not been emitted yet */
  untold: number;
  /**
   * Takes a record in: its buffers go back now, and its events come later. Returns the id below
   * which all have completed.
   */
  reclaim(kind: number, first: number, last: number): number;
  /** Gives the memory of ids back that have completed, whose record comes later. */
  giveBack(first: number, last: number): void;
  /** The id below which all have completed. */
  readonly low: number;
  /**
   * Counts the sends that were answered PROMPT as completed. Returns how many they are: the ids up
   * to `low`.
   */
  reclaimPrompt(): number;
  /** Emits the event of a record; `low` is what `reclaim` returned for it. */
  tell(kind: number, first: number, last: number, low: number): void;
  /** Whether all its sends have completed. */
  readonly isClear: boolean;
  /**
   * Closes the socket if nothing is left to do. Does nothing while events have not been emitted.
   */
  settle(): void;
  /**
   * Called at the end of a turn of the event loop, or (`idle`) when the poller thread takes the
   * socket over. References to what is not in flight can be dropped.
   */
  rest(idle: boolean): void;
  /** Whether the submission thread is making its system calls at this moment. */
  isSoon(): boolean;
  /** Whether the process has to stay alive for it. */
  wantsHold(): boolean;
  /** Whether events may still come, so that it must not be garbage-collected. */
  hasNews(): boolean;
}
