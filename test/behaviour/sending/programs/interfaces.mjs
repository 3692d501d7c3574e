// @ts-check
// Interfaces that come, go and swap names while a socket sends through them, and IPv4 addresses
// that are written as IPv6 ones. Runs in a network namespace of its own; prints what it saw.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { UdpSocket, XdpSocket } from 'zerosend';

const id = process.pid;
const LENGTH = 1000;

/** @param {string} words */
const ip = (words) => execFileSync('ip', words.split(' '), { encoding: 'utf8' });

/** An interface whose packets go to a peer that nobody listens at. @param {string} name */
function make(name) {
  ip(`link add ${name} type veth peer name ${name}p`);
  ip(`link set ${name}p up`);
  ip(`link set ${name} up`);
  settle(name);
}

/** @param {string} name */
function settle(name) {
  ip(`addr replace fe80::1:1/64 dev ${name} nodad`);
  ip(`-6 neigh replace fe80::99 lladdr 02:00:00:00:00:99 dev ${name}`);
}

/** Whether an interface has sent one of our datagrams: all others are far shorter. @param {string} name */
function counter(name) {
  const bytes = () => JSON.parse(ip(`-s -j link show ${name}`))[0].stats64.tx.bytes;
  const before = bytes();
  return () => bytes() - before >= LENGTH;
}

/** @param {UdpSocket} socket @param {string} name @param {number} [port] */
function sendTo(socket, name, port = 9) {
  try {
    return socket.sendTo(new Uint8Array(LENGTH), LENGTH, { address: `fe80::99%${name}`, port });
  } catch (error) {
    return /** @type {import('zerosend').CodedError} */ (error).code;
  }
}

const scenarios = {
  async 'made again'() {
    const name = `z${id}`;
    make(name);
    const socket = await UdpSocket.open({ family: 6 });
    const ids = [sendTo(socket, name), sendTo(socket, name)];
    ip(`link del ${name}`);
    const gone = sendTo(socket, name);
    make(name);
    const sent = counter(name);
    ids.push(/** @type {number} */ (sendTo(socket, name)));
    await socket.flush();
    const report = await socket.close();
    return { ids, gone, sent: sent(), report };
  },

  // The old one is still there, under another name: nothing but the content of the packet's way
  // would tell.
  async 'another of that name'() {
    const name = `z${id}`;
    const old = `y${id}`;
    make(name);
    const socket = await UdpSocket.open({ family: 6 });
    const ids = [sendTo(socket, name), sendTo(socket, name)];
    await socket.flush();
    ip(`link set ${name} down`);
    ip(`link set ${name} name ${old}`);
    ip(`link set ${name}p name ${old}p`);
    ip(`link set ${old} up`);
    settle(old);
    make(name);
    const [sent, strayed] = [counter(name), counter(old)];
    ids.push(/** @type {number} */ (sendTo(socket, name)));
    await socket.flush();
    const report = await socket.close();
    return { ids, sent: sent(), strayed: strayed(), report };
  },

  // What the kernel itself has bound to an interface stays with that one, and says so.
  async bound() {
    const name = `z${id}`;
    make(name);
    const remote = { address: `fe80::99%${name}`, port: 9 };
    const socket = await UdpSocket.open({ remote });
    socket.send(new Uint8Array(LENGTH));
    await socket.flush();
    ip(`link del ${name}`);
    make(name);
    let code;
    try {
      socket.send(new Uint8Array(LENGTH));
    } catch (error) {
      code = /** @type {import('zerosend').CodedError} */ (error).code;
    }
    const { remote: now } = socket.info();
    await socket.close();
    return { code, name, now: now?.address };
  },

  // Opening waits for a queue in use; meanwhile the wall clock is stepped, for which Date.now stands.
  async 'wall clock'() {
    const name = `z${id}`;
    ip(`link add ${name} type veth peer name ${name}p`);
    ip(`link set ${name} up`);
    const options = { interface: name, frames: 16 };
    const holder = await XdpSocket.open(options);
    const real = Date.now;
    const seen = [];
    for (const step of [-3_600_000, 3_600_000]) {
      const start = performance.now();
      const opening = XdpSocket.open(options).then(
        () => 'opened',
        (error) => error.code,
      );
      Date.now = () => real() + step;
      const stuck = new Promise((settle) => setTimeout(settle, 12_000, 'still waiting').unref());
      const end = await Promise.race([opening, stuck]);
      seen.push({ end, waited: performance.now() - start > 900 });
      Date.now = real;
    }
    await holder.close();
    return seen;
  },

  async mapped() {
    ip('link set lo mtu 1500 up');
    const receiver = createSocket('udp4');
    /** @type {number[]} */
    const lengths = [];
    receiver.on('message', (bytes) => lengths.push(bytes.length));
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address();
    /** @type {Record<string, unknown>} */
    const opened = {};
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '0:0:0:0:0:FFFF:7f00:1', '::1']) {
      for (const segmentSize of [1452, 1453, 1472, 1473]) {
        try {
          const socket = await UdpSocket.open({ remote: { address, port }, segmentSize });
          if (address !== '::1') socket.send(new Uint8Array(3 * segmentSize));
          await socket.close();
          opened[`${address} ${segmentSize}`] = 'sent';
        } catch (error) {
          opened[`${address} ${segmentSize}`] = String(/** @type {Error} */ (error).message);
        }
      }
    }
    const socket = await UdpSocket.open({ family: 6, segmentSize: 1472 });
    socket.sendTo(new Uint8Array(4 * 1472), 4 * 1472, { address: '::ffff:127.0.0.1', port });
    await socket.close();
    const mapped = await UdpSocket.open({ remote: { address: '::ffff:127.0.0.1', port } });
    const { maxSendLength, mtu } = mapped.info();
    await mapped.close();
    const end = performance.now() + 10_000;
    while (lengths.length < 31 && performance.now() < end) await new Promise(setImmediate);
    receiver.close();
    return { opened, lengths, maxSendLength, mtu };
  },
};

const [, , scenario] = process.argv;
const run = scenarios[/** @type {keyof typeof scenarios} */ (scenario)];
console.log(JSON.stringify(await run()));
process.exit(); // whatever still waits
