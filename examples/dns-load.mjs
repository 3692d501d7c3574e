// @ts-check
// Queries to a DNS server at a rate. Each answer is matched with its query, by the id and by the
// question; a query that nobody answers in time is lost.
//
//   node examples/dns-load.mjs --server ADDRESS:PORT --names FILE [--rate 1000] [--count 10000]
//                              [--timeout 1000] [--window 32768] [--log FILE]
//
// A line of FILE is a name, or a name and a type ("example.com AAAA"); the list begins again at its
// end. --timeout is in ms; at most --window queries are unanswered at a time. --log writes a line of
// JSON for each query with the answer as it came. Ask only servers that you may load.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BufferPool, UdpSocket } from 'zerosend';
import { compile, Pacer, template } from 'zerosend/generator';

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: '127.0.0.1:53' },
    names: { type: 'string' },
    rate: { type: 'string', default: '1000' },
    count: { type: 'string', default: '10000' },
    timeout: { type: 'string', default: '1000' },
    window: { type: 'string', default: '32768' },
    log: { type: 'string' },
  },
});
const [count, timeout] = [Number(values.count), Number(values.timeout)];
if (values.names === undefined) throw new Error('--names FILE: what is asked for, one a line');
if (!(count >= 1 && timeout > 0)) throw new RangeError('--count and --timeout: above 0');
const colon = values.server.lastIndexOf(':');
const remote = {
  address: values.server.slice(0, colon).replace(/^\[|\]$/g, ''),
  port: Number(values.server.slice(colon + 1)),
};

// The id is the number of the query in 16 bits, so no more may be unanswered than ids are unique.
const IDS = 65_536;
const window = Number(values.window);
if (!(window >= 1 && window <= IDS / 2)) throw new RangeError('--window: 1 to 32768');
const MOST_AT_ONCE = 64;
const HEADER = 12; // bytes of a message before its question

const names = readFileSync(values.names, 'utf8')
  .split(/\r?\n/)
  .filter((line) => line.trim() !== '');
const queries = compile(template({ length: HEADER }), [
  { target: 'payload', list: names, as: 'dns' },
  { target: { layer: 'payload', offset: 0, width: 2 }, counter: {} },
]);
const questions = names.map(() => {
  const bytes = Buffer.alloc(queries.length);
  queries.init(bytes);
  return bytes.subarray(HEADER, queries.stamp(bytes));
});
queries.seek({ first: 0 });

// The order matters: the sender first, then who reads, connected to the same peer (answers.mjs).
const sender = await UdpSocket.open({ remote, reuseAddress: true });
const { address, port } = /** @type {import('zerosend').SocketAddress} */ (sender.info().local);
const reader = createSocket({
  type: isIPv6(remote.address) ? 'udp6' : 'udp4',
  reuseAddr: true,
  recvBufferSize: 4 << 20,
}).bind(port, address);
await once(reader, 'listening');
reader.connect(remote.port, remote.address);
await once(reader, 'connect');

// Of each id: when its query was sent, or 0 while there is none. Which query that was, follows from
// `oldest`: all that are open lie between it and `asked`.
const sentAt = new Float64Array(IDS);
let asked = 0;
let oldest = 0;
let answered = 0;
let lost = 0;
let refused = 0;
let wrong = 0; // what is no answer to any open query: too late, twice, or somebody else's
/** @type {Map<number, number>} answers by their RCODE */
const codes = new Map();
/** @type {Map<string, number>} refused queries by the reason */
const reasons = new Map();
/** @type {number[]} in ms */
const latencies = [];
const log = values.log === undefined ? null : createWriteStream(values.log);

/** @param {number} query @param {Buffer | null} answer @param {number} [ms] */
function note(query, answer, ms) {
  const name = names[query % names.length];
  log?.write(`${JSON.stringify({ query, name, answer: answer?.toString('hex') ?? null, ms })}\n`);
}

/** @param {Buffer} answer @param {number} now */
function take(answer, now) {
  if (answer.length < HEADER || (answer.readUInt8(2) & 0x80) === 0) return false;
  const id = answer.readUInt16BE(0);
  const query = oldest + ((id - oldest) & (IDS - 1));
  const question = /** @type {Buffer} */ (questions[query % names.length]);
  const at = sentAt[id] ?? 0;
  if (at === 0 || now > at + timeout) return false;
  if (!answer.subarray(HEADER, HEADER + question.length).equals(question)) return false;
  sentAt[id] = 0;
  answered++;
  latencies.push(now - at);
  const code = answer.readUInt8(3) & 15;
  codes.set(code, (codes.get(code) ?? 0) + 1);
  note(query, answer, now - at);
  return true;
}
reader.on('message', (answer) => {
  if (!take(answer, performance.now())) wrong++;
});
reader.on('error', () => {}); // ICMP, which the sender is told of as well

/** Gives up on those whose time is over. They have been sent in order. */
function giveUp() {
  for (const now = performance.now(); oldest < asked; oldest++) {
    const at = sentAt[oldest % IDS] ?? 0;
    if (at === 0) continue; // answered
    if (now <= at + timeout) return;
    sentAt[oldest % IDS] = 0;
    lost++;
    note(oldest, null);
  }
}

/** Asks the next `due` queries. @param {number} due */
async function ask(due) {
  for (let left = due; left > 0; ) {
    const run = await pool.acquireRun(Math.min(left, MOST_AT_ONCE));
    left -= run.count;
    const lengths = queries.stampRun(run);
    const now = performance.now();
    for (let i = 0; i < run.count; i++) sentAt[(asked + i) % IDS] = now;
    asked += run.count;
    try {
      sender.sendMany(run, lengths);
    } catch (error) {
      // None of them has been sent: nobody listens there, a firewall, no route.
      const { code = String(error) } = /** @type {{ code?: string }} */ (error);
      for (let i = 1; i <= run.count; i++) {
        sentAt[(asked - i) % IDS] = 0;
        note(asked - i, null);
      }
      refused += run.count;
      reasons.set(code, (reasons.get(code) ?? 0) + run.count);
      run.release();
    }
  }
}

const pool = new BufferPool({ bufferSize: queries.length, count: 1024, init: queries.init });
const pacer = new Pacer(Number(values.rate));
const began = performance.now();
while (asked < count) {
  await pacer.wait();
  giveUp();
  const room = Math.min(count - asked, window - (asked - oldest), MOST_AT_ONCE);
  if (room > 0) await ask(pacer.take(performance.now(), room));
  else await sleep(1); // too many are unanswered
}
const seconds = (performance.now() - began) / 1000;
const { asked: wanted, achieved, lateness } = pacer.report();
for (giveUp(); oldest < asked; giveUp()) await sleep(1);
await sender.close();
await pool.close();
reader.close();
if (log !== null) await new Promise((resolve) => log.end(resolve));

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
/** @param {Map<unknown, number>} counts @param {(key: any) => string} [name] */
const list = (counts, name = String) =>
  [...counts].map(([key, n]) => `${name(key)} ${n}`).join(', ') || 'none';
latencies.sort((a, b) => a - b);
const part = (/** @type {number} */ p) =>
  (latencies[Math.ceil(latencies.length * p) - 1] ?? Number.NaN).toFixed(3);
console.log(
  `${asked} queries in ${seconds.toFixed(3)} s: ${achieved.toFixed(1)} a second of ${wanted.toFixed(1)}, ` +
    `late by ${lateness.p50.toFixed(0)} µs (p50), ${lateness.p99.toFixed(0)} µs (p99)`,
);
console.log(`${answered} answers: ${list(codes, (code) => RCODES[code] ?? `RCODE ${code}`)}`);
console.log(`${lost} lost; ${refused} refused: ${list(reasons)}; ${wrong} that fit no query`);
console.log(`answered after ${part(0.5)} ms (p50), ${part(0.99)} ms (p99), ${part(1)} ms (max)`);
