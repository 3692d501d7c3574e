// @ts-check
// node test/soak/mix.mjs                        two million packets of a mix over veth, each of which is found
// node test/soak/mix.mjs --packets 100000 --workers 2
//
// Six kinds of packets with weights, each of the sizes of IMIX, to an interface at whose other end two
// programs judge that are not ours: nftables counts the packets of each kind and size, and tcpdump lists
// them, numbers included. Ends with exit code 1 unless the shares are exact and each packet has come once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PacketSocket, XdpSocket } from 'zerosend';
import { generate, generateInWorkers } from 'zerosend/generator';
import { createRig, ownNamespace } from '../../rig/index.mjs';
import { fail, readOptions } from '../../scripts/support/options.mjs';

const USAGE = `usage: node test/soak/mix.mjs [options]

  --packets N   1 to 100000000, default 2000000: rounded up to whole rounds of all kinds and sizes
  --rate N      packets a second, default 100000
  --socket S    packet or xdp, default packet
  --workers N   0 to 16, default 0: in this thread
  --json        nothing but the summary, in one line`;
const values = readOptions(USAGE, {
  packets: { type: 'string', default: '2000000' },
  rate: { type: 'string', default: '100000' },
  socket: { type: 'string', default: 'packet' },
  workers: { type: 'string', default: '0' },
  json: { type: 'boolean', default: false },
});
/** @param {'packets' | 'rate' | 'workers'} name @param {number} least @param {number} most */
function number(name, least, most) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return fail(`--${name} takes a number from ${least} to ${most}; it was '${values[name]}'`, USAGE);
}
const asked = number('packets', 1, 1e8);
const rate = number('rate', 1, 1e8);
const workers = number('workers', 0, 16);
const kind = values.socket;
if (kind !== 'packet' && kind !== 'xdp')
  fail(`--socket takes packet or xdp; it was '${kind}'`, USAGE);

// The program itself runs again inside of a namespace that ends with it.
const INSIDE = 'ZEROSEND_MIX_INSIDE';
if (process.env[INSIDE] !== '1') {
  const [file = '', ...args] = [...ownNamespace(['link set lo up']), process.execPath];
  const again = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(file, [...args, ...again], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  const [code] = await once(child, 'exit');
  process.exit(code ?? 1);
}

const rig = await createRig('veth-copy', { here: true });
if (rig.receiver === null || rig.receiverInterface === null) throw new Error('no receiver');
const { receiver, senderInterface, receiverInterface } = rig;

// ---- the mix ------------------------------------------------------------------------------------------

const ETHERNET = 14;
const TAG = 4;
const FIRST_PORT = 1001; // of the first kind; the destination port tells which a packet is
const ethernet = { source: senderInterface.mac, destination: receiverInterface.mac };
const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const ipv6 = { source: 'fd00:198:18::1', destination: 'fd00:198:18::2' };

/**
 * Which headers a packet of each kind has, and how many of each round are of it.
 * @type {{ headers: object, transport: 'udp' | 'tcp', bytes: number, tags: number, weight: number }[]}
 */
const KINDS = [
  { headers: { ipv4 }, transport: 'udp', bytes: 28, tags: 0, weight: 3 },
  { headers: { ipv4 }, transport: 'tcp', bytes: 40, tags: 0, weight: 3 },
  { headers: { ipv6 }, transport: 'udp', bytes: 48, tags: 0, weight: 2 },
  { headers: { ipv6 }, transport: 'tcp', bytes: 60, tags: 0, weight: 2 },
  { headers: { vlan: { id: 7 }, ipv4 }, transport: 'udp', bytes: 28, tags: 1, weight: 1 },
  { headers: { vlan: { id: 8 }, ipv6 }, transport: 'tcp', bytes: 60, tags: 1, weight: 1 },
];
const NUMBER = 4; // bytes of the number of a packet among those of its kind: the beginning of its payload
/** Of each 12 packets so many have such a length, or what their headers and number need. */
const IMIX = [
  { length: 60, share: 7 },
  { length: 590, share: 4 },
  { length: 1514, share: 1 },
];
const IMIX_SUM = 12;

const weights = KINDS.reduce((sum, { weight }) => sum + weight, 0);
const round = weights * IMIX_SUM;
const rounds = Math.ceil(asked / round);
const count = rounds * round;
const mix = KINDS.map(({ headers, transport, weight }, i) => ({
  template: {
    ethernet,
    ...headers,
    [transport]: { source: 1024, destination: FIRST_PORT + i },
    payload: '',
    length: 100,
  },
  /** @type {import('zerosend/generator').AnyField[]} */
  fields: [
    { target: 'length', list: 'imix' },
    { target: { layer: 'payload', offset: 0, width: NUMBER }, counter: {} },
  ],
  weight,
}));
/** What has to come of each kind. */
const wanted = KINDS.map(({ bytes, tags, weight }) => ({
  packets: rounds * weight * IMIX_SUM,
  sizes: IMIX.map(({ length, share }) => ({
    length: Math.max(length, ETHERNET + TAG * tags + bytes + NUMBER),
    packets: rounds * weight * share,
  })),
}));

// ---- nftables: the packets of each kind and size --------------------------------------------------------

const device = receiverInterface.name;
const named = wanted.flatMap(({ sizes }, i) =>
  sizes.map(({ length, packets }) => ({ i, length, packets, name: `kind${i}_${length}` })),
);
const counters = named.map(({ name }) => `counter ${name} {}`).join('\n');
const rules = named.map(({ i, length, name }) => {
  const { headers = {}, tags = 0 } = KINDS[i] ?? {};
  const ip = 'ipv6' in headers ? { name: 'ip6', length: 40 } : { name: 'ip', length: 20 };
  // Behind the Ethernet header; the kernel has taken the tag off by then. Not `udp dport`, as not every
  // kernel finds what is behind an IPv6 header here.
  const behind = length - ETHERNET - TAG * tags;
  const port = `@nh,${8 * (ip.length + 2)},16 ${FIRST_PORT + i}`;
  return `meta protocol ${ip.name} ${port} meta length ${behind} counter name ${name}`;
});
await receiver.run('nft', ['-f', '-'], {
  input: `table netdev judge {
    ${counters}
    chain in { type filter hook ingress device ${device} priority 0; ${rules.join('; ')}; }
  }`,
});

// ---- tcpdump: every packet by its number ------------------------------------------------------------------

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const SNAPLEN = 96;
const seen = wanted.map(({ packets }) => new Uint8Array(packets));
const problems = /** @type {string[]} */ ([]);
const came = { packets: 0, others: 0 };

/** @param {string} text */
function problem(text) {
  if (problems.length < 20) problems.push(text);
}

/** @param {Buffer} frame its beginning @param {number} length */
function find(frame, length) {
  let at = 12;
  while (frame.readUInt16BE(at) === 0x8100) at += TAG;
  const version = frame.readUInt16BE(at) === 0x86dd ? 6 : 4;
  const protocol = frame.readUInt8(at + 2 + (version === 6 ? 6 : 9));
  at += 2 + (version === 6 ? 40 : 20);
  const i = protocol === 6 || protocol === 17 ? frame.readUInt16BE(at + 2) - FIRST_PORT : -1;
  const numbers = seen[i];
  if (numbers === undefined) {
    came.others++; // of the kernel itself
    return;
  }
  came.packets++;
  const id = frame.readUInt32BE(at + (protocol === 6 ? 20 : 8));
  if (id >= numbers.length) problem(`kind ${i} has a packet ${id}, which was not sent`);
  else if (numbers[id]) problem(`packet ${id} of kind ${i} came twice`);
  else numbers[id] = 1;
  if (!wanted[i]?.sizes.some((size) => size.length === length)) {
    problem(`packet ${id} of kind ${i} has ${length} bytes`);
  }
}

/** @type {Buffer} */
let rest = Buffer.alloc(0);
let headerRead = false;
/** @param {Buffer} chunk of a pcap file with times in microseconds, of this machine's byte order */
function read(chunk) {
  rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
  let at = 0;
  if (!headerRead) {
    if (rest.length < PCAP_HEADER) return;
    headerRead = true;
    at = PCAP_HEADER;
  }
  while (at + RECORD_HEADER <= rest.length) {
    const captured = rest.readUInt32LE(at + 8);
    const end = at + RECORD_HEADER + captured;
    if (end > rest.length) break;
    find(rest.subarray(at + RECORD_HEADER, end), rest.readUInt32LE(at + 12));
    at = end;
  }
  rest = rest.subarray(at);
}

const args = ['-n', '-p', '-i', device, '-s', `${SNAPLEN}`, '-B', '65536', '-Z', 'root', '-w', '-'];
const tcpdump = receiver.spawn('tcpdump', [...args, '-Q', 'in'], {
  stdio: ['ignore', 'pipe', 'pipe'],
});
let said = '';
const listening = new Promise((resolve) => {
  tcpdump.stderr?.on('data', (text) => {
    said += text;
    if (said.includes('listening on')) resolve(null);
  });
  tcpdump.once('close', resolve);
});
tcpdump.stdout?.on('data', read);
await listening;
if (!said.includes('listening on')) throw new Error(`tcpdump: ${said}`);

// ---- sent, and compared -----------------------------------------------------------------------------------

async function send() {
  const options = { interface: senderInterface.name };
  if (workers > 0) {
    const socket = kind === 'xdp' ? { xdp: options } : { packet: options };
    return generateInWorkers({ workers, socket, mix, count, rate });
  }
  const socket = await (kind === 'xdp' ? XdpSocket : PacketSocket).open(options);
  try {
    return await generate({ socket, mix, count, rate });
  } finally {
    await socket.close();
  }
}
const report = await send();
// tcpdump gets blocks of packets when they are full or old, and writes what it has for the signal.
const STILL = 10_000; // ms
for (let last = -1, since = performance.now(); came.packets < count; ) {
  if (last !== came.packets) [last, since] = [came.packets, performance.now()];
  if (performance.now() - since > STILL) break;
  tcpdump.kill('SIGUSR2');
  await new Promise((resolve) => setTimeout(resolve, 50));
}
tcpdump.kill('SIGINT');
await once(tcpdump, 'close');

const { stdout } = await receiver.run('nft', ['-j', 'list', 'counters']);
const counted = new Map(
  JSON.parse(stdout).nftables.flatMap((/** @type {any} */ { counter }) =>
    counter ? [[counter.name, counter.packets]] : [],
  ),
);
for (const { name, packets } of named) {
  if (counted.get(name) !== packets) {
    problem(`nftables has counted ${counted.get(name)} of ${name}, of which ${packets} were due`);
  }
}
for (const [i, numbers] of seen.entries()) {
  const missing = numbers.reduce((sum, one) => sum + (one ? 0 : 1), 0);
  if (missing > 0) problem(`${missing} of kind ${i} are not in the list of tcpdump`);
  if (report.templates[i]?.packets !== wanted[i]?.packets) {
    problem(`the report has ${report.templates[i]?.packets} packets of kind ${i}`);
  }
}
const [, dropped = '?'] = /(\d+) packets dropped by kernel/.exec(said) ?? [];
if (dropped !== '0') problem(`tcpdump has lost ${dropped} packets: send at a lower --rate`);
if (report.failed + report.unfinished > 0) problem(`${report.failed + report.unfinished} failed`);
await rig.dispose();

const summary = {
  packets: report.packets,
  seconds: report.seconds,
  bytes: report.bytes,
  found: came.packets,
  counted: [...counted.values()].reduce((sum, one) => sum + one, 0),
  kinds: wanted.map(({ packets }) => packets),
  others: came.others,
  problems,
};
if (values.json) {
  console.log(JSON.stringify(summary));
} else {
  const { packets, seconds, bytes, found, kinds } = summary;
  console.log(
    `${packets} packets of ${bytes / packets} bytes in the mean, in ${seconds.toFixed(1)} s by ${kind}; ` +
      `${found} listed by tcpdump, ${summary.counted} counted by nftables`,
  );
  console.log(`of each kind ${kinds.join(', ')}`);
  for (const text of problems) console.log(`wrong: ${text}`);
}
process.exit(problems.length > 0 ? 1 : 0);
