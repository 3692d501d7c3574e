// What a state of the model consists of: one byte for each variable, so that states can be compared
// and kept by the hundred thousand. Sets of ids and sets of sockets are bit masks.

/** The variables of one socket. */
export enum Of {
  // the kernel
  inFlight, // ids that were sent and not notified yet
  errorQueue, // ids whose notification can be read
  input, // the peer has said something that was not read
  reported, // epoll: 0 not at all (the one-shot has fired), 1 errors and input, 2 also EPOLLOUT
  edge, // epoll, only with the switch `edgeTriggered`: something came since it was armed
  // native/sockets/socket.h
  lock, // mutex_: whose it is, 0 nobody's
  busy, // busy_
  busyPolls, // busy_polls_, counted up to 2
  registered, // registered_, as the next ones of Watch (native/sockets/watch.h)
  armed, // armed_
  armedOut, // events_ has EPOLLOUT
  queue, // InetSocket::queue_: ids that wait for room
  completed, // completed_ of News
  // lib/addon/reactor.ts and the user's own books
  active, // _active
  scheduled, // _scheduled
  sent, // number of ids given out
  delivered, // ids that the user has heard of
  count,
}

/** The variables that there are once. */
export enum All {
  // native/threads/poller.h
  ready, // ready_: sockets with news
  calls, // calls of the thread-safe function that JavaScript has not taken yet
  // the JavaScript thread: where it is, and its local variables
  js,
  jsReturn, // where poll() or take() goes on
  jsSocket,
  jsRoom, // records that still fit into the mailbox
  jsIds, // ids in hand
  jsRead, // completed_ as it was read
  jsActive, // `active` of #onTurn
  jsTurn, // sockets that this turn has not come to
  jsHandles, // what take_ready() returned
  busyList, // #busy
  immediate, // #scheduled: setImmediate was called
  inputs, // times that a peer will still say something
  refusals, // times that epoll will still have no room for a registration
  twice, // an id was delivered twice
  // the poller thread: likewise
  poller,
  pollerEvents, // sockets that epoll_wait reported
  pollerInput, // of those, the ones with EPOLLIN
  pollerSocket,
  pollerIds,
  pollerRead,
  pollerNews, // call_due_
  pollerUnfinished, // unfinished_
  pollerGoing, // it is within go_on()
  pollerArm, // to_arm
  count,
}

export const NOBODY = 0;
export const JS = 1;
export const POLLER = 2;

export function get(state: Uint8Array, socket: number, variable: Of): number {
  return state[All.count + socket * Of.count + variable] as number;
}

export function put(state: Uint8Array, socket: number, variable: Of, value: number): void {
  state[All.count + socket * Of.count + variable] = value;
}

export function lowest(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

export function size(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
