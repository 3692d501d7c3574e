/** A socket as the reactor sees it. Its flags are the reactor's: nobody else sets them. */
export interface Reactee {
  readonly handle: number;
  /** sends since the reactor last looked */
  active: boolean;
  /** on the reactor's list */
  scheduled: boolean;
  /** between `add` and `remove` */
  added: boolean;
  /** must not be garbage-collected */
  needed: boolean;
  /** counted among those that keep the process alive */
  held: boolean;
  /** events that are to be emitted */
  untold: number;
  /**
   * Takes a record in: buffers go back now, events are left for later. Returns the id below which all
   * have completed.
   */
  reclaim(kind: number, first: number, last: number): number;
  /** The id below which all have completed. */
  readonly low: number;
  /** The same of the sends that were answered PROMPT. Returns how many: those up to `low`. */
  reclaimPrompt(): number;
  /** Emits the event of a record; `low` is what `reclaim` returned for it. */
  tell(kind: number, first: number, last: number, low: number): void;
  /** Ends the socket if nothing is left to do. Nothing is done while events are untold. */
  settle(): void;
  /** A turn is over, or (`idle`) it waits for news: what is not in flight can be let go. */
  rest(idle: boolean): void;
  /** Whether the process should stay alive for it. */
  wantsHold(): boolean;
  /** Whether it has something to tell, so that it must not be garbage-collected. */
  hasNews(): boolean;
}
