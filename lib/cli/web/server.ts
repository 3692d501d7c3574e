import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Monitor } from '../live/monitor.js';
import { Clients } from './clients.js';
import { rowOf } from './columns.js';
import { livePage, type Parts, readParts, savedPage, shownOf } from './document.js';

const ADDRESS = '127.0.0.1';
/** Milliseconds that clients have to receive the end, before they are disconnected. */
const GRACE = 500;
const MOST_CONNECTIONS = 64;
/** Milliseconds; the first two hold when the third, by default half a minute, has passed. */
const TIMES = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 };

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
} as const;

type Answer = readonly [type: string, body: string];

/**
 * Serves a page that shows a run, on loopback. It only reads: no request changes anything. It does
 * not keep the process alive.
 */
export class PageServer {
  readonly #server: Server;
  readonly #clients = new Clients();
  readonly #answers: ReadonlyMap<string, Answer>;
  readonly #unsubscribe: () => void;

  private constructor(
    private readonly monitor: Monitor,
    parts: Parts,
  ) {
    this.#answers = new Map<string, Answer>([
      ['/', ['text/html', livePage(parts)]],
      ['/page.css', ['text/css', parts.css]],
      ['/page.js', ['text/javascript', parts.script]],
      ['/icon.svg', ['image/svg+xml', parts.icon]],
      ['/saved.html', ['text/html', savedPage(parts)]],
    ]);
    this.#server = createServer(TIMES, (request, response) => this.#answer(request, response));
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#unsubscribe = monitor.subscribe((snapshot) => {
      if (this.#clients.size === 0) return;
      this.#clients.sendToAll('look', JSON.stringify({ row: rowOf(snapshot), snapshot }));
    });
  }

  /**
   * @param port 0 for any free one
   * @throws the error of listen(2) (`EADDRINUSE`, `EACCES`)
   */
  static async open(monitor: Monitor, port: number): Promise<PageServer> {
    const page = new PageServer(monitor, readParts());
    const server = page.#server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, ADDRESS, () => {
          server.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      page.#unsubscribe();
      throw error;
    }
    server.on('error', () => {}); // an error of accept(2); the client connects again
    server.unref();
    return page;
  }

  get url(): string {
    return `http://${ADDRESS}:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Tells the clients that the run has ended, and closes. */
  async close(): Promise<void> {
    this.#unsubscribe();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#clients.endAll();
    this.#server.closeIdleConnections();
    const cutOff = setTimeout(() => this.#server.closeAllConnections(), GRACE);
    await closed;
    clearTimeout(cutOff);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (!isLocal(request.headers.host)) {
      refuse(response, 421, 'This page is only served as 127.0.0.1 or localhost.');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      refuse(response, 405, 'This page can only be read.');
      return;
    }
    const [path = '/'] = (request.url ?? '/').split('?');
    if (path === '/events') {
      this.#listen(request, response);
      return;
    }
    const answer = this.#answers.get(path);
    if (answer === undefined) {
      refuse(response, 404, 'There is no such page.');
      return;
    }
    const [type, body] = answer;
    response.setHeader('Content-Type', `${type}; charset=utf-8`);
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #listen(request: IncomingMessage, response: ServerResponse): void {
    if (this.#clients.full) {
      refuse(response, 503, 'Too many pages are open: close one of them.');
      return;
    }
    response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.socket?.setNoDelay(true);
    response.flushHeaders();
    this.#clients.add(response);
    const { history, latest, target } = this.monitor;
    const shown = latest === null ? { target } : shownOf(history, latest);
    this.#clients.send(response, 'run', JSON.stringify(shown));
  }
}

/**
 * Whether the request was made to a local name. A foreign name that resolves to this machine (DNS
 * rebinding) would let a foreign page read this one. The port may be that of a tunnel, so it is not
 * checked.
 */
function isLocal(host: string | undefined): boolean {
  return host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/i.test(host);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Connection', 'close'); // the body of the request is not read
  response.end(`${message}\n`);
}
