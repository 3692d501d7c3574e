// @ts-check
// Sends over a veth pair of its own namespace while its link goes down and comes up, or is deleted;
// says how the run ended, and what the interface has sent.
import { execFileSync } from 'node:child_process';
import { PacketSocket, UdpSocket, XdpSocket } from 'zerosend';
import { generate } from 'zerosend/generator';

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
const socket = await {
  udp: () => UdpSocket.open({ remote }),
  packet: () => PacketSocket.open({ interface: 'z0' }),
  xdp: () => XdpSocket.open({ interface: 'z0' }),
}[/** @type {'udp' | 'packet' | 'xdp'} */ (kind)]();
const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02', type: 0x88b5 };
const template = kind === 'udp' ? { payload: 'x' } : { ethernet, length: 60 };
const todo = [...deeds];
const outcome = await generate({
  socket,
  template,
  count,
  rate: 1000,
  progressInterval: 100,
  onProgress: () => void (todo.length > 0 && ip(todo.shift())),
}).then(
  (report) => ({ report }),
  (/** @type {any} */ { message, code, report, interface: name }) => ({
    message,
    code,
    report,
    interface: name,
  }),
);
console.log(JSON.stringify(outcome));
process.exit();
