// @ts-check
// A captured session, replayed between two interfaces with new addresses: what the client said leaves through
// one, what the server said through the other, at the times of the capture, to what stands between them.
//
//   node examples/session.mjs FILE --client INTERFACE --server INTERFACE --address OLD=NEW [--address …]
//                             [--client-link OWN_MAC,NEXT_MAC] [--server-link OWN_MAC,NEXT_MAC]
//                             [--speed 1] [--loops 1]
//
// FILE is pcap or pcapng, plain or compressed by gzip. OLD and NEW are addresses, prefixes or ranges. The
// links are the MAC addresses of each side: its own, and that of the next hop. Checksums that the capturing
// machine left to its network card are worked out, and segments that it left to it are cut. Needs CAP_NET_RAW.
import { parseArgs } from 'node:util';
import { PacketSocket } from 'zerosend';
import { openCapture, replay } from 'zerosend/generator';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    client: { type: 'string' },
    server: { type: 'string' },
    address: { type: 'string', multiple: true, default: [] },
    'client-link': { type: 'string' },
    'server-link': { type: 'string' },
    speed: { type: 'string', default: '1' },
    loops: { type: 'string', default: '1' },
  },
});
const [file] = positionals;
const { client: clientName, server: serverName } = values;
if (file === undefined || clientName === undefined || serverName === undefined) {
  throw new Error('FILE, --client INTERFACE and --server INTERFACE, please');
}

const addresses = Object.fromEntries(
  values.address.map((pair) => {
    const [from = '', to = ''] = pair.split('=');
    if (to === '') throw new Error(`--address OLD=NEW; received '${pair}'`);
    return [from, to];
  }),
);

/** What is changed in the frames of one side. @param {string | undefined} link */
function rewriteFor(link) {
  const [source, destination] = link?.split(',') ?? [];
  return {
    ...(source && destination ? { ethernet: { source, destination } } : {}),
    addresses,
    checksums: true,
  };
}

const client = await PacketSocket.open({ interface: clientName });
const server = await PacketSocket.open({ interface: serverName });
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const report = await replay({
  socket: client,
  server: {
    socket: server,
    split: 'first-seen', // who has begun is the client
    rewrite: rewriteFor(values['server-link']),
  },
  capture: openCapture(file),
  rewrite: rewriteFor(values['client-link']),
  oversize: 'segment',
  speed: Number(values.speed),
  loops: Number(values.loops),
  signal: stop.signal,
});
const [clients, servers] = await Promise.all([client.close(), server.close()]);

console.log(`client: ${clients.ids} frames; server: ${servers.ids} frames`);
for (const { reason, frames, firstOffset } of report.skipped) {
  console.log(`left out: ${frames} frames (${reason}), the first at byte ${firstOffset}`);
}
// Frames that have the old addresses still, somewhere inside.
for (const [kind, frames] of Object.entries(report.notRewritten)) {
  console.log(`not rewritten: ${frames} frames (${kind})`);
}
if (report.problem) console.log(`${report.problem.message}, at byte ${report.problem.offset}`);
const { p50 = 0, p99 = 0 } = report.lateness ?? {};
console.log(
  `sent ${report.packets} frames, ${report.bytes} bytes, in ${report.seconds.toFixed(3)} s; ` +
    `late by ${p50.toFixed(0)} µs (p50), ${p99.toFixed(0)} µs (p99)`,
);
process.exitCode = report.failed + report.unfinished > 0 ? 1 : 0;
