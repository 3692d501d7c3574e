import type { OpenedSocket } from '../addon/contract.js';
import { reactor } from '../addon/reactor.js';
import { Completions } from './completions.js';
import type { Emitter } from './emitter.js';
import type { ZeroCopySocketEvents } from './events.js';
import type { CheckedSocketOptions } from './options.js';
import { Sender } from './sender.js';
import { type Limits, type Protocol, SocketState } from './state.js';

/** The one object behind a public socket: its parts, put together. */
export class Core {
  readonly state: SocketState;
  readonly completions: Completions;
  readonly sender: Sender;

  constructor(
    emitter: Emitter<ZeroCopySocketEvents>,
    protocol: Protocol,
    opened: OpenedSocket,
    options: CheckedSocketOptions,
    limits: Limits,
  ) {
    this.state = new SocketState(protocol, opened, options, limits);
    this.completions = new Completions(emitter, this.state);
    this.sender = new Sender(this.state, this.completions, this.completions.pools, {
      ...limits,
      maxQueuedSends: options.maxQueuedSends,
    });
    reactor.add(this.completions, opened.fd);
  }
}
