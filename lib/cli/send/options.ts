import {
  bytes,
  choice,
  custom,
  flag,
  integer,
  number,
  type OptionValues,
  repeatable,
  seconds,
  text,
} from '../base/options.js';
import { RATE_SYNTAX, rateOption, readBursts } from '../base/rate.js';
import { WEB_OPTIONS } from '../web/watch.js';
import { readEndpoint, readMac } from './addresses.js';
import { FIELD_SYNTAX, readField } from './fields.js';

const none = undefined;

export const OPTIONS = {
  protocol: choice('udp or tcp: of the socket, or of the frames', ['udp', 'tcp'], {
    default: 'udp',
  }),
  packet: text(
    'send frames through this interface, by a transmit ring (AF_PACKET); needs CAP_NET_RAW',
    { placeholder: 'IFACE', default: none },
  ),
  xdp: text('send frames through this interface by AF_XDP; needs CAP_NET_RAW', {
    placeholder: 'IFACE',
    default: none,
  }),
  output: text(
    'write the frames to a capture in place of an interface: pcap, or what ends in .pcapng; - is standard output',
    {
      placeholder: 'FILE',
      default: none,
      short: 'o',
    },
  ),
  size: bytes(
    'bytes of a datagram, of a TCP send, or of a frame without its FCS; with --segment, of what is ' +
      'cut into segments (default: 1400, 64K, or the shortest frame from 64 on; with --segment of a ' +
      'UDP socket, as many segments as fit)',
    { min: 1, max: 2 ** 24, default: none },
  ),
  segment: bytes(
    'have the kernel, or the device, cut each send into datagrams of so many bytes (UDP GSO), or a ' +
      'frame into segments with so much payload (--packet; with --output they are cut here)',
    { min: 1, max: 65_507, default: none },
  ),
  rate: rateOption(
    `packets a second ('1000', '250k'), or bits a second ('100Mbit', of frames as on the wire); ${RATE_SYNTAX}; ` +
      'default: as fast as it goes',
  ),
  bursts: custom(
    "in place of --rate: so many packets at once, again after each TIME, such as '250/50ms'",
    readBursts,
    { placeholder: 'N/TIME', default: none },
  ),
  burst: integer('packets that leave together at a --rate', { min: 1, max: 65_536, default: none }),
  poisson: flag('packets (or bursts) follow each other as by chance, at the same mean rate'),
  'catch-up': seconds(
    'after a hold-up (a full ring, a busy machine) what was due within so long goes at once, what was ' +
      'due before is left out (default: 100ms)',
    { min: 1e-6, max: 1e6, default: none },
  ),
  precision: choice(
    'how it waits: asleep, late by some 70 µs; the same for less CPU time, with its event loop held up for ' +
      'up to 5 ms; or by looking at the clock all the time, for up to a core',
    ['sleep', 'block', 'spin'],
    { default: 'sleep' },
  ),
  count: integer('end after so many packets', { min: 1, max: 2 ** 53 - 1, default: none }),
  seconds: seconds('end after this time; default: at Ctrl-C', {
    min: 0.001,
    max: 1e7,
    default: none,
  }),
  workers: integer('threads that send, each by a socket of its own', {
    min: 1,
    max: 256,
    default: 1,
  }),
  field: repeatable(FIELD_SYNTAX, readField, { placeholder: 'TARGET=VALUES', short: 'f' }),
  first: integer('number of the first packet: fields begin with the values that it has', {
    min: 0,
    max: 2 ** 53 - 1,
    default: 0,
  }),
  seed: integer('of random fields and of --poisson: the same values again', {
    min: 0,
    max: 2 ** 32 - 1,
    default: none,
  }),
  payload: text('text at the beginning of the payload; zeros follow', { default: none }),
  template: text('the packet as a JSON file: a PacketDescription, and fields', {
    placeholder: 'FILE',
    default: none,
  }),
  mix: text(
    'several templates with shares of their own, as a JSON file: a list of parts, each with a weight, a ' +
      "template (an object, or another file) and fields, or { parts, order: 'sequence' }",
    { placeholder: 'FILE', default: none },
  ),
  streams: text(
    "many streams, as a JSON file: a list, each with a rate (as --rate), a template, fields, 'to', 'copies', " +
      "'count', 'join' and 'leave' (times) and 'changes'; it ends when all have",
    { placeholder: 'FILE', default: none },
  ),
  source: custom(
    'where it comes from: the local address and port of a socket, or those in the frames ' +
      "(default: the interface's address, port 1024)",
    readEndpoint,
    { placeholder: 'ADDRESS[:PORT]', default: none },
  ),
  'source-mac': custom("in frames (default: the interface's)", readMac, {
    placeholder: 'MAC',
    default: none,
  }),
  'destination-mac': custom(
    'in frames (default: what the kernel knows of the destination, else 02:00:00:00:00:02)',
    readMac,
    { placeholder: 'MAC', default: none },
  ),
  vlan: integer('tag frames with this VLAN id', { min: 0, max: 4095, default: none }),
  'zero-copy': choice(
    'of a socket: ask for it from a threshold on, for each send, or never',
    ['auto', 'always', 'never'],
    { default: 'auto' },
  ),
  'on-error': choice(
    'what follows a packet that the socket or the kernel refuses: the end, or the next packets',
    ['stop', 'skip'],
    { default: 'stop' },
  ),
  batch: integer('sends handed over at once (default: 64; of frames, and of streams, 256)', {
    min: 1,
    max: 1024,
    default: none,
  }),
  buffers: integer('buffers of the pool, or frames of the ring', {
    min: 1,
    max: 65_536,
    default: none,
  }),
  queue: integer('of --xdp: the transmit queue; of several workers, the first one', {
    min: 0,
    max: 4095,
    default: 0,
  }),
  'qdisc-bypass': flag('of --packet: go past the queueing discipline'),
  'pacing-rate': number(
    'of a socket: bytes a second that the kernel lets out at most (SO_MAX_PACING_RATE)',
    { min: 1, max: 1e12, default: none },
  ),
  ...WEB_OPTIONS,
};

export type SendOptions = OptionValues<typeof OPTIONS>;
