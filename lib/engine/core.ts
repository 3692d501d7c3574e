import { MAX_REQUESTS, native } from '../addon/addon.js';
import type { OpenedSocket } from '../addon/contract.js';
import { reactor } from '../addon/reactor.js';
import { BatchSender } from './batch-sender.js';
import { Completions } from './completions.js';
import type { Emitter } from './emitter.js';
import type { ZeroCopySocketEvents } from './events.js';
import { LateSends } from './late-sends.js';
import { Lines } from './lines.js';
import type { CheckedSocketOptions } from './options.js';
import { Room } from './room.js';
import { Sender } from './sender.js';
import type { Sends } from './sends.js';
import { type Limits, type Protocol, SocketState } from './state.js';
import { Submission } from './submission.js';
import { ThreadBatchSender } from './thread-batch-sender.js';
import { ThreadSender } from './thread-sender.js';

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
  readonly sender: Sends;
  readonly batches: BatchSender;

  constructor(
    emitter: Emitter<ZeroCopySocketEvents>,
    protocol: Protocol,
    opened: OpenedSocket,
    options: CheckedSocketOptions,
    limits: Limits,
  ) {
    this.state = new SocketState(protocol, opened, options, limits);
    if (options.submit === 'thread') this.state.submission = submissionOf(this.state);
    this.completions = new Completions(emitter, this.state);
    const { state, completions } = this;
    const { pools } = completions;
    const sender = new Sender(state, completions, pools, { reapEvery: REAP_EVERY, ...limits });
    const most = {
      pool: limits.pool,
      // A batch is accepted whole, so all of it must have room in the queue.
      maxBatch: Math.min(MAX_REQUESTS, options.maxQueuedSends),
    };
    const { submission } = state;
    if (submission === null) {
      this.sender = sender;
      this.batches = new BatchSender(state, completions, pools, sender, most);
    } else {
      // Who makes the system calls is decided here, and not for each send.
      const room = new Room(state, submission, options.maxQueuedSends);
      const lines = new Lines(state, completions, limits.pool ?? null, room);
      this.sender = new ThreadSender(state, lines, pools, sender, {
        reapEvery: REAP_EVERY,
        ...limits,
      });
      this.batches = new ThreadBatchSender(state, lines, pools, this.sender, most);
    }
    if (options.measureLatency) this.state.inFlight.measure();
    if (this.state.stallAfter > 0) {
      new LateSends(emitter, this.state, this.completions);
    }
    reactor.add(this.completions, opened.fd);
  }
}

/** A socket that was to have a thread, and gets none, is closed. */
function submissionOf(state: SocketState): Submission {
  try {
    return new Submission(state);
  } catch (error) {
    native.close(state.handle);
    throw error;
  }
}
