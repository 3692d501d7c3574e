import { EventEmitter } from 'eventemitter3';

/**
 * The emitter of sockets: eventemitter3, which costs a send less than Node's, with those methods of
 * Node's emitter that it lacks. So a socket is a `NodeJS.EventEmitter` for TypeScript, and
 * `events.once(socket, 'close')` and `events.on(socket, 'complete')` take it.
 */
export abstract class Emitter<Events extends object> extends EventEmitter<Events> {
  /** Adds a listener that is called before the present ones. */
  prependListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
  ): this {
    return this.on(event, listener).#bringForward(event);
  }

  /** As `prependListener`, for one event only. */
  prependOnceListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
  ): this {
    return this.once(event, listener).#bringForward(event);
  }

  /** The listeners of an event; those for one event only are not wrapped. */
  rawListeners<E extends EventEmitter.EventNames<Events>>(
    event: E,
  ): EventEmitter.EventListener<Events, E>[] {
    return this.listeners(event);
  }

  /** 0: any number of listeners may be added without a warning. */
  getMaxListeners(): number {
    return 0;
  }

  /** Has no effect, since there is no limit. */
  setMaxListeners(_count: number): this {
    return this;
  }

  /** Moves the listener that was added last to the front. */
  #bringForward(event: PropertyKey): this {
    const table = (this as unknown as { _events: Record<PropertyKey, unknown> })._events;
    const all = table[event];
    // The array is replaced, since `emit` may be walking the old one.
    if (Array.isArray(all)) table[event] = [all[all.length - 1], ...all.slice(0, -1)];
    return this;
  }
}
