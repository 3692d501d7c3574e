/** Where the JavaScript thread is. */
export enum Js {
  idle,
  pollEnter,
  pollPop,
  pollRead,
  pollWrite,
  takeRead,
  takeWrite,
  turnNext,
  turnListen,
  turnDecide,
  turnArm,
  readyList,
  deliverNext,
  putBackList,
  putBackCall,
}

/** Adds a step of the JavaScript thread that ends at `to`. */
export type JsStep = (
  state: Uint8Array,
  label: string,
  to: Js,
  change: (next: Uint8Array) => void,
  optional?: boolean,
) => void;
