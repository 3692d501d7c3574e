// @ts-check
// Ends, in the way it is told, at the stage that it is told.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { given, say } from '../../../support/say.mjs';
import { outstanding } from './senders.mjs';

/** @type {{ stage: string, way: string, tcp: number, udp: number, silent: number }} */
const { stage, way, tcp, udp, silent } = given;
const killed = way.startsWith('SIG');

/** Ends the process, or lets it end by itself, or waits to be killed. */
function end() {
  if (way === 'exit') process.exit(3);
  if (way === 'exception') throw new Error('thrown on purpose');
  if (killed) setInterval(() => {}, 1000);
}

switch (stage) {
  case 'before open': {
    const pool = new BufferPool({ bufferSize: 4096, count: 8 });
    pool.tryAcquire()?.bytes.fill(1);
    say('reached');
    end();
    break;
  }
  case 'connecting': {
    const controller = new AbortController();
    const { signal } = controller;
    TcpSocket.connect({ host: '127.0.0.1', port: silent, signal }).catch(() => {});
    await new Promise((resolve) => void setTimeout(resolve, 20)); // the address has been resolved
    say('reached');
    if (way === 'return') controller.abort();
    end();
    break;
  }
  case 'sending': {
    const { socket } = await outstanding(tcp);
    const remote = { address: '127.0.0.1', port: udp };
    const datagrams = await UdpSocket.open({ remote, zeroCopy: 'always' });
    const pool = new BufferPool({ bufferSize: 4096, count: 32 });
    socket.unref();
    datagrams.unref();
    say('reached', { inFlight: socket.inFlight });
    // In the middle of it: no turn of the event loop since the last send.
    for (let sent = 0; killed || sent < 500; ) {
      const buffer = pool.tryAcquire();
      if (buffer === null) continue;
      datagrams.send(buffer, 1000);
      sent++;
    }
    end();
    break;
  }
  case 'outstanding': {
    const { socket } = await outstanding(tcp);
    await new Promise((resolve) => void setTimeout(resolve, 20)); // the poller thread has taken over
    socket.unref();
    say('reached', { inFlight: socket.inFlight });
    end();
    break;
  }
  case 'closing': {
    const { socket, pool } = await outstanding(tcp);
    // A close under way keeps the process alive, until it gives up.
    socket.close({ timeout: way === 'return' ? 300 : 60_000 });
    pool.close();
    await new Promise((resolve) => void setImmediate(resolve));
    say('reached', { inFlight: socket.inFlight });
    end();
    break;
  }
  case 'closed': {
    const { socket, pool } = await outstanding(tcp);
    const { ids } = await socket.abort();
    await pool.close();
    say('reached', { inFlight: socket.inFlight, ids });
    end();
    break;
  }
}
