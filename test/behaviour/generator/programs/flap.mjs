// @ts-check
// Sends over a veth pair of its own namespace while its link goes down and comes up, or is deleted;
// says how the run ended, and what the interface has sent.
import { execFileSync } from 'node:child_process';
import { PacketSocket, UdpSocket, XdpSocket } from 'zerosend';
import { generate, generateInWorkers } from 'zerosend/generator';

const { kind, deeds, count } = JSON.parse(process.argv[2] ?? '');
const ip = (/** @type {string} */ text) => execFileSync('ip', text.split(' '));
for (const text of [
  'link add z0 type veth peer name z1',
  'link set z0 address 02:00:00:00:00:01 up',
  'link set z1 address 02:00:00:00:00:02 up',
  'addr add 198.18.0.1/24 dev z0',
  'neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 nud permanent dev z0',
]) {
  ip(text);
}
const remote = { address: '198.18.0.2', port: 9 };
const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02', type: 0x88b5 };
const todo = [...deeds];
const common = {
  count,
  rate: 1000,
  progressInterval: 100,
  onProgress: () => void (todo.length > 0 && ip(todo.shift())),
};
const payload = { ...common, template: { payload: 'x' } };
const frame = { ...common, template: { ethernet, length: 60 } };
const run = {
  udp: async () => generate({ socket: await UdpSocket.open({ remote }), ...payload }),
  packet: async () => generate({ socket: await PacketSocket.open({ interface: 'z0' }), ...frame }),
  xdp: async () => generate({ socket: await XdpSocket.open({ interface: 'z0' }), ...frame }),
  workers: async () => generateInWorkers({ socket: { udp: { remote } }, workers: 2, ...payload }),
}[/** @type {'udp' | 'packet' | 'xdp' | 'workers'} */ (kind)];
const outcome = await run().then(
  (report) => ({ report }),
  (/** @type {any} */ { message, code, report }) => ({ message, code, report }),
);
console.log(JSON.stringify(outcome));
process.exit();
