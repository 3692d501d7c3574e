// @ts-check
// A process of its own that reads what comes over TCP, and drops it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(import.meta.url);

/** Starts it on a port of 127.0.0.1. */
export async function startReader() {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { port: Number(line), end: () => void child.kill() };
}

if (process.argv[1] === PROGRAM) {
  const server = createServer((connection) => void connection.on('error', () => {}).resume());
  server.listen(0, '127.0.0.1', () =>
    console.log(/** @type {import('node:net').AddressInfo} */ (server.address()).port),
  );
}
