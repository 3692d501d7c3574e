import type { ServerResponse } from 'node:http';

/** The most pages that get events at the same time. */
const MOST = 16;
/**
 * The most bytes that may wait for a client that does not read. A client that is further behind is
 * disconnected.
 */
const FURTHEST_BEHIND = 1 << 20;

/** The clients that get server-sent events (HTML standard, 9.2). */
export class Clients {
  readonly #open = new Set<ServerResponse>();

  get size(): number {
    return this.#open.size;
  }

  get full(): boolean {
    return this.#open.size >= MOST;
  }

  /** Adds a client. */
  add(response: ServerResponse): void {
    response.on('close', () => this.#open.delete(response));
    response.on('error', () => {}); // the client has gone; 'close' follows
    this.#open.add(response);
  }

  /** Sends an event to one client. */
  tell(response: ServerResponse, event: string, data: string): void {
    response.write(`event: ${event}\ndata: ${data}\n\n`);
    // It connects again when it can, and gets the whole state then.
    if (response.writableLength > FURTHEST_BEHIND) response.destroy();
  }

  tellAll(event: string, data: string): void {
    for (const response of this.#open) this.tell(response, event, data);
  }

  endAll(): void {
    for (const response of this.#open) response.end();
  }
}
