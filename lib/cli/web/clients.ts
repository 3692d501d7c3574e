import type { ServerResponse } from 'node:http';

/** Pages that are told what happens, at once. */
const MOST = 16;
/** Bytes that may wait for a client that does not read; who is further behind is dropped. */
const FURTHEST_BEHIND = 1 << 20;

/** Those who listen, by server-sent events (the HTML standard, 9.2). */
export class Clients {
  readonly #open = new Set<ServerResponse>();

  get size(): number {
    return this.#open.size;
  }

  get full(): boolean {
    return this.#open.size >= MOST;
  }

  /** Has one more listen, from now on. */
  add(response: ServerResponse): void {
    response.on('close', () => this.#open.delete(response));
    response.on('error', () => {}); // it has gone: 'close' follows
    this.#open.add(response);
  }

  /** Tells one client. */
  tell(response: ServerResponse, event: string, data: string): void {
    response.write(`event: ${event}\ndata: ${data}\n\n`);
    // It asks again when it comes to itself, and is told the whole then.
    if (response.writableLength > FURTHEST_BEHIND) response.destroy();
  }

  tellAll(event: string, data: string): void {
    for (const response of this.#open) this.tell(response, event, data);
  }

  endAll(): void {
    for (const response of this.#open) response.end();
  }
}
