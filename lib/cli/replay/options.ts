import {
  choice,
  custom,
  flag,
  integer,
  type OptionValues,
  repeatable,
  seconds,
  text,
  UsageError,
} from '../base/options.js';
import { rateOption } from '../base/rate.js';
import { readEndpoint, readMac } from '../send/addresses.js';
import { WEB_OPTIONS } from '../web/watch.js';

const none = undefined;

/** Reads FROM=TO; what the two are is judged by the library. */
function readPair(text: string): readonly [string, string] {
  const [from = '', to = '', ...more] = text.split('=');
  if (from === '' || to === '' || more.length > 0) throw new UsageError('takes FROM=TO');
  return [from, to];
}

function readSpeed(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const speed = Number(text.replace(/x$/, ''));
  if (!(speed > 0)) throw new UsageError("has to be a factor above 0, such as 2 or 0.5, or 'max'");
  return speed;
}

function readLoops(text: string): number {
  if (text === 'forever') return Number.POSITIVE_INFINITY;
  const loops = Number(text);
  if (!(Number.isSafeInteger(loops) && loops > 0)) {
    throw new UsageError("has to be a whole number above 0, or 'forever'");
  }
  return loops;
}

const gap = { min: 0, max: 2e6, default: none };

export const OPTIONS = {
  packet: text('through this interface, by a transmit ring (AF_PACKET); needs CAP_NET_RAW', {
    placeholder: 'IFACE',
    default: none,
  }),
  xdp: text('through this interface by AF_XDP; needs CAP_NET_RAW', {
    placeholder: 'IFACE',
    default: none,
  }),
  udp: custom('the payloads of its UDP packets, as datagrams to there', readEndpoint, {
    placeholder: 'HOST:PORT',
    default: none,
  }),
  speed: custom("times as fast as it was captured; 'max': as fast as it goes", readSpeed, {
    placeholder: 'FACTOR',
    default: 1,
  }),
  rate: rateOption(
    "in place of its own timing: frames a second ('250k'), or bits a second ('100Mbit', as on the wire)",
  ),
  loops: custom("how often; 'forever': until Ctrl-C", readLoops, {
    placeholder: 'N',
    default: 1,
  }),
  'loop-gap': seconds('between the rounds; default: the mean distance of its frames', gap),
  'max-gap': seconds('the longest that a gap between two frames may become', gap),
  seconds: seconds('end after this time', { min: 0.001, max: 1e7, default: none }),
  'rewrite-address': repeatable(
    "change IP addresses: '10.0.0.1=198.18.0.1', or prefixes: '10.0.0.0/8=198.0.0.0/8'; the first " +
      'that fits is taken',
    readPair,
    { placeholder: 'FROM=TO' },
  ),
  'rewrite-port': repeatable('change UDP and TCP ports', readPair, { placeholder: 'FROM=TO' }),
  'source-mac': custom(
    'change the Ethernet source of all frames; with --destination-mac also what frames without ' +
      'an Ethernet header get',
    readMac,
    { placeholder: 'MAC', default: none },
  ),
  'destination-mac': custom('change the Ethernet destination of all frames', readMac, {
    placeholder: 'MAC',
    default: none,
  }),
  checksums: flag('work out wrong checksums anew, as of captures made on the sending machine'),
  snapped: choice('frames whose end was not captured', ['skip', 'send', 'pad'], {
    default: 'skip',
  }),
  segmentation: flag('of --packet: TCP frames longer than the interface takes leave as segments'),
  buffers: integer(
    'frames of the ring; one that holds the whole capture keeps them from round to round ' +
      '(default: those of the capture, up to 4096)',
    { min: 1, max: 65_536, default: none },
  ),
  queue: integer('of --xdp: the transmit queue', { min: 0, max: 4095, default: 0 }),
  'qdisc-bypass': flag('of --packet: go past the queueing discipline'),
  ...WEB_OPTIONS,
};

export type ReplayCommandOptions = OptionValues<typeof OPTIONS>;
