import { MAX_REQUESTS } from '../addon/addon.js';
import type { OpenedSocket } from '../addon/contract.js';
import { reactor } from '../addon/reactor.js';
import { BatchSender } from './batch-sender.js';
import { Completions } from './completions.js';
import type { Emitter } from './emitter.js';
import type { ZeroCopySocketEvents } from './events.js';
import { LateSends } from './late-sends.js';
import type { CheckedSocketOptions } from './options.js';
import { Sender } from './sender.js';
import { type Limits, type Protocol, SocketState } from './state.js';

/**
 * Sends after which completions are taken in inline: fewer cost crossings, more cost caches. Of a
 * sender that fills its buffers, 64 KB each, 16 stay in a cache of 2 MB where 32 do not: with 32 a
 * send costs 1 % less, but filling and sending together 8 % more.
 */
const REAP_EVERY = 16;

/**
 * The internal object behind a public socket. It makes the parts of a socket, and connects them.
 */
export class Core {
  readonly state: SocketState;
  readonly completions: Completions;
  readonly sender: Sender;
  readonly batches: BatchSender;

  constructor(
    emitter: Emitter<ZeroCopySocketEvents>,
    protocol: Protocol,
    opened: OpenedSocket,
    options: CheckedSocketOptions,
    limits: Limits,
  ) {
    this.state = new SocketState(protocol, opened, options, limits);
    this.completions = new Completions(emitter, this.state);
    const { state, completions } = this;
    const { pools } = completions;
    this.sender = new Sender(state, completions, pools, { reapEvery: REAP_EVERY, ...limits });
    this.batches = new BatchSender(state, completions, pools, this.sender, {
      pool: limits.pool,
      // A batch is accepted whole, so all of it must have room in the queue.
      maxBatch: Math.min(MAX_REQUESTS, options.maxQueuedSends),
    });
    if (options.measureLatency) this.state.inFlight.measure();
    if (this.state.stallAfter > 0) {
      new LateSends(emitter, this.state, this.completions);
    }
    reactor.add(this.completions, opened.fd);
  }
}
