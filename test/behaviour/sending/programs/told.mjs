// @ts-check
// What errors and failed ranges say, where it takes a network of one's own to provoke them. Runs in a
// network namespace; prints what it saw.
import { execFileSync } from 'node:child_process';
import dns from 'node:dns';
import { writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

// A name with the addresses that a scenario gives it. Before the library binds the function.
/** @type {string[]} */
let addresses = [];
const lookup = dns.lookup;
dns.lookup = /** @type {typeof dns.lookup} */ (
  /** @type {unknown} */ (
    /** @param {string} host @param {dns.LookupAllOptions} options @param {(...found: any[]) => void} callback */
    (host, options, callback) => {
      if (host !== 'several.test') return Reflect.apply(lookup, dns, [host, options, callback]);
      const found = addresses.map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
      const { family = 0 } = options;
      setImmediate(callback, null, family ? found.filter((one) => one.family === family) : found);
    }
  )
);
syncBuiltinESMExports();
const { BufferPool, PacketSocket, TcpSocket, UdpSocket } = await import('zerosend');

const NOWHERE = '198.18.0.9'; // no route leads there
/** @param {string} words */
const ip = (words) => execFileSync('ip', words.split(' '), { encoding: 'utf8' });
ip('link set lo up');

/** @param {Promise<unknown> | (() => unknown)} action */
async function errorOf(action) {
  try {
    await (typeof action === 'function' ? action() : action);
    return null;
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error);
    return { name, message, .../** @type {object} */ (error) };
  }
}

/** @param {import('zerosend').ZeroCopySocket} socket */
function ranges(socket) {
  /** @type {string[]} */
  const told = [];
  socket.on('complete', ({ first, last, how, code }) => {
    told.push(`${first}-${last} ${how === 'failed' ? `${how} ${code}` : 'sent'}`);
  });
  return told;
}

const scenarios = {
  async 'send to'() {
    const remote = { address: '127.0.0.1', port: 9 };
    const socket = await UdpSocket.open({ remote, segmentSize: 1000 });
    const to = { address: NOWHERE, port: 7 };
    const elsewhere = await errorOf(() => socket.sendTo(new Uint8Array(10), 10, to));
    ip('link set lo mtu 900');
    const tooLong = await errorOf(() => socket.sendTo(new Uint8Array(9000), 9000, remote));
    const connected = await errorOf(() => socket.send(new Uint8Array(9000)));
    await socket.close();
    return { elsewhere, tooLong, connected };
  },

  async 'next address'() {
    const port = 9;
    const open = () => UdpSocket.open({ remote: { address: 'several.test', port } });
    addresses = [NOWHERE, '127.0.0.1'];
    const socket = await open();
    const { remote } = socket.info();
    socket.send(new Uint8Array(10));
    await socket.close();
    // The local address is of the family of the second.
    addresses = ['2001:2::9', '127.0.0.1'];
    const bound = await UdpSocket.open({
      remote: { address: 'several.test', port },
      address: '127.0.0.1',
    });
    const { local } = bound.info();
    await bound.close();
    addresses = ['198.18.0.8', NOWHERE];
    const none = await errorOf(open());
    return { remote, local: local?.address, none };
  },

  async 'to itself'() {
    const port = 40_000;
    writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', `${port} ${port}`);
    const connect = () => TcpSocket.connect({ host: '127.0.0.1', port });
    const first = await errorOf(connect());
    const again = await errorOf(connect()); // the port is free again
    return { first, again };
  },

  // The kernel refuses the second and the fourth for their length, and the fifth for its address.
  async 'failed datagrams'() {
    const pool = new BufferPool({ count: 8, hugePages: 'none' });
    const socket = await UdpSocket.open({
      remote: { address: '127.0.0.1', port: 9 },
      segmentSize: 1400,
      zeroCopy: 'always',
    });
    const told = ranges(socket);
    const acquire = () => /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
    ip('link set lo mtu 1300');
    socket.sendMany([acquire(), acquire(), acquire(), acquire()], [100, 2800, 100, 2800]);
    await socket.flush();
    return { told, report: await socket.close() };
  },

  async 'failed frames'() {
    const name = `t${process.pid}`;
    ip(`link add ${name} type veth peer name ${name}p`);
    ip(`link set ${name}p up`);
    ip(`link set ${name} up`);
    const socket = await PacketSocket.open({ interface: name, frames: 16, frameSize: 2048 });
    const told = ranges(socket);
    /** @type {string[]} */
    const errors = [];
    socket.on('error', (error) => errors.push(/** @type {*} */ (error).code));
    ip(`link set ${name} down`);
    for (let i = 0; i < 4; i++) socket.send(new Uint8Array(100));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    ip(`link del ${name}`);
    return { report: await closed, told, errors };
  },
};

const name = /** @type {keyof typeof scenarios} */ (process.argv[2]);
console.log(JSON.stringify(await scenarios[name]()));
