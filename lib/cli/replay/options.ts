import type { Split } from '../../generator/index.js';
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
import { RATE_SYNTAX, rateOption, readBursts } from '../base/rate.js';
import { readEndpoint, readMac } from '../send/addresses.js';
import { WEB_OPTIONS } from '../web/watch.js';

const none = undefined;

/** Reads FROM=TO. The library checks both. */
function readPair(text: string): readonly [string, string] {
  const [from = '', to = '', ...more] = text.split('=');
  if (from === '' || to === '' || more.length > 0) throw new UsageError('takes FROM=TO');
  return [from, to];
}

function readStep(text: string): readonly [string, number] {
  const [range, step] = readPair(text);
  if (!/^-?\d+$/.test(step)) throw new UsageError('takes RANGE=STEP, a step as a whole number');
  return [range, Number(step)];
}

function readSplit(text: string): Split {
  if (text === 'first-seen' || text === 'ports') return text;
  const [kind, list = ''] = text.split('=');
  const all = list.split(',').filter((one) => one !== '');
  if (kind === 'addresses' && all.length > 0) return { addresses: all };
  if (kind === 'ports' && all.every((one) => /^\d+$/.test(one)) && all.length > 0) {
    return { ports: all.map(Number) };
  }
  throw new UsageError("takes 'first-seen', 'ports', ports=LIST or addresses=LIST");
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
  server: text(
    'a second interface (or HOST:PORT, of --udp), through which frames of servers leave: those of ' +
      'clients leave through the first',
    { placeholder: 'IFACE', default: none },
  ),
  split: custom(
    "how servers are told from clients: 'first-seen' (who begins is the client), 'ports' (the lower one " +
      "is the server's), 'ports=80,443' or 'addresses=10.0.0.0/24,…' of servers",
    readSplit,
    { placeholder: 'RULE', default: none },
  ),
  workers: integer('threads that send, each by sockets of its own; a flow is sent by one of them', {
    min: 1,
    max: 256,
    default: 1,
  }),
  stream: flag(
    'read the capture while it is sent, in little memory; so is one of more than 1 GiB, and standard ' +
      'input or a pipe that is sent once',
  ),
  speed: custom("times as fast as it was captured; 'max': as fast as it goes", readSpeed, {
    placeholder: 'FACTOR',
    default: 1,
  }),
  rate: rateOption(
    `in place of its own timing: frames a second ('250k'), or bits a second ('100Mbit', as on the wire); ${RATE_SYNTAX}`,
  ),
  bursts: custom(
    "in place of --rate: so many frames at once, again after each TIME, such as '250/50ms'",
    readBursts,
    { placeholder: 'N/TIME', default: none },
  ),
  burst: integer('frames that leave together at a --rate of frames', {
    min: 1,
    max: 65_536,
    default: none,
  }),
  poisson: flag('at a --rate: frames follow each other as by chance, at the same mean rate'),
  seed: integer('of --poisson: the same distances again', {
    min: 0,
    max: 2 ** 32 - 1,
    default: none,
  }),
  precision: choice(
    'how it waits: by looking at the clock all the time, for up to a core; asleep, late by some 70 µs; or ' +
      'the same for less CPU time, with its event loop held up for up to 5 ms',
    ['spin', 'sleep', 'block'],
    { default: 'spin' },
  ),
  loops: custom("how often; 'forever': until Ctrl-C", readLoops, {
    placeholder: 'N',
    default: 1,
  }),
  'loop-gap': seconds('between the rounds; default: the mean distance of its frames', gap),
  'max-gap': seconds('the longest that a gap between two frames may become', gap),
  seconds: seconds('end after this time', { min: 0.001, max: 1e7, default: none }),
  'rewrite-address': repeatable(
    "change IP addresses: '10.0.0.1=198.18.0.1', prefixes: '10.0.0.0/8=198.0.0.0/8', or ranges: " +
      "'10.0.0.1-10.0.0.9=198.18.0.1-198.18.0.3'; the first that fits is taken",
    readPair,
    { placeholder: 'FROM=TO' },
  ),
  'each-loop': repeatable(
    "new addresses in each loop: those within move on by so many, such as '198.18.0.0/16=256'",
    readStep,
    { placeholder: 'RANGE=STEP' },
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
  'server-source-mac': custom(
    'the Ethernet source of frames of servers, in place of --source-mac',
    readMac,
    { placeholder: 'MAC', default: none },
  ),
  'server-destination-mac': custom(
    'the Ethernet destination of frames of servers, in place of --destination-mac',
    readMac,
    { placeholder: 'MAC', default: none },
  ),
  rewrite: text(
    'what is changed, as a JSON file: the `rewrite` of the library; options add to it',
    { placeholder: 'FILE', default: none },
  ),
  'server-rewrite': text('the same for frames of servers, for which the others do not count then', {
    placeholder: 'FILE',
    default: none,
  }),
  'rewrite-mac': repeatable('change Ethernet addresses, wherever they stand', readPair, {
    placeholder: 'FROM=TO',
  }),
  'rewrite-vlan': repeatable('change ids of VLAN tags', readPair, { placeholder: 'FROM=TO' }),
  'remove-vlan': choice('take off VLAN tags', ['outer', 'all'], { default: none }),
  'add-vlan': integer('put a VLAN tag before what is there', { min: 0, max: 4095, default: none }),
  checksums: flag('work out wrong checksums anew, as of captures made on the sending machine'),
  snapped: choice('frames whose end was not captured', ['skip', 'send', 'pad'], {
    default: 'skip',
  }),
  segmentation: flag(
    'of --packet: TCP and UDP frames longer than the interface takes are cut into segments by the kernel',
  ),
  oversize: choice(
    'other frames that are longer: cut into segments (TCP, UDP) or fragments (IP) here, or cut off',
    ['skip', 'segment', 'fragment', 'truncate'],
    { default: 'skip' },
  ),
  buffers: integer(
    'frames of the ring; one that holds the whole capture keeps them from round to round ' +
      '(default: those of the capture, up to 4096)',
    { min: 1, max: 65_536, default: none },
  ),
  queue: integer('of --xdp: the transmit queue; of several workers, the first one', {
    min: 0,
    max: 4095,
    default: 0,
  }),
  'qdisc-bypass': flag('of --packet: go past the queueing discipline'),
  ...WEB_OPTIONS,
};

export type ReplayCommandOptions = OptionValues<typeof OPTIONS>;
