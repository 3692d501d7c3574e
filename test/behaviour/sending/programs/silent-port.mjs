// @ts-check
// Listens, fills its own queue of connections and never accepts one: who connects then gets no
// answer. Ends when it is killed.
import { connect, createServer } from 'node:net';
import { say } from '../../../support/say.mjs';

const server = createServer();
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  // The connections are made by the kernel while this process, which would accept them, stands.
  for (let i = 0; i < 8; i++) connect({ host: '127.0.0.1', port }).on('error', () => {});
  process.nextTick(() => {
    say('full', { port });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    process.exit();
  });
});
