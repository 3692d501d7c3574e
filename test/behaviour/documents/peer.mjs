// What programs of documents send to: a TCP server that reads what it gets, at the address that stands
// in them. It is loaded before the program, and does not keep it alive.
import { createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const server = createServer((connection) =>
    connection
      .on('error', () => {})
      .resume()
      .unref(),
  );
  server.listen(9, '198.18.0.2').unref();
  await new Promise((resolve) => server.once('listening', () => resolve(null)));
}
