import type { ServerResponse } from 'node:http';

/** The most pages that get events at the same time. */
const MAX_CLIENTS = 16;
/**
 * The most bytes that may wait for a client that does not read. A client that is further behind is
 * disconnected.
 */
const MAX_UNREAD_BYTES = 1 << 20;

/** The clients that get server-sent events (HTML standard, 9.2). */
export class Clients {
  readonly #open = new Set<ServerResponse>();

  get size(): number {
    return this.#open.size;
  }

  get full(): boolean {
    return this.#open.size >= MAX_CLIENTS;
  }

  /** Adds a client. */
  add(response: ServerResponse): void {
    response.on('close', () => this.#open.delete(response));
    response.on('error', () => {}); // the client has gone; 'close' follows
    this.#open.add(response);
  }

  /** Sends an event to one client. */
  send(response: ServerResponse, event: string, data: string): void {
    response.write(`event: ${event}\ndata: ${data}\n\n`);
    // It connects again when it can, and gets the whole state then.
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
  }

  sendToAll(event: string, data: string): void {
    for (const response of this.#open) this.send(response, event, data);
  }

  endAll(): void {
    for (const response of this.#open) response.end();
  }
}
