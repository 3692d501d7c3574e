// Puts random stacks together, see stacks.ts.
import { MESSAGES, type Message } from './messages.js';
import {
  type Check,
  completing,
  type Dice,
  EXTENSIONS,
  extensions,
  type Fragment,
  ipv4Options,
  link,
  type Pseudo,
  residueOf,
  type Stack,
  view,
  words,
} from './stacks.js';

/** What is between IP and the message, and how IP says it. */
interface Network {
  name: string;
  header: Buffer;
  chain: Buffer;
  pseudo: Pseudo;
}

function ipv4(dice: Dice, ip: number, fragment: Fragment, protocol: number): Network {
  const pseudo = { source: view(ip + 12, 4), destination: view(ip + 16, 4) };
  const options = ipv4Options(dice, ip + 20, pseudo);
  const length = 20 + options.bytes.length;
  const kinds = fragment !== 'later' && dice.odds(6) ? ['authentication'] : [];
  const chain = extensions(dice, kinds, ip + length, pseudo, fragment, protocol);
  const header = Buffer.concat([dice.bytes(length - options.bytes.length), options.bytes]);
  header[0] = 0x40 + length / 4;
  const more = fragment === 'later' ? dice.of(0, 0x2000) + 1 + dice.upTo(8000) : 0;
  header.writeUInt16BE(fragment === 'first' ? 0x2000 : more || dice.of(0, 0x4000), 6);
  header[9] = chain.first;
  return { name: `ipv4 ${options.name} ${kinds}`, header, chain: chain.bytes, pseudo };
}

function ipv6(dice: Dice, ip: number, fragment: Fragment, protocol: number): Network {
  const pseudo = { source: view(ip + 8, 16), destination: view(ip + 24, 16) };
  const kinds = Array.from({ length: dice.of(0, 0, 1, 2, 3) }, () => dice.of(...EXTENSIONS));
  if (fragment !== 'whole') {
    const place = dice.upTo(kinds.length);
    // A later fragment has the headers before it only.
    const behind = kinds.splice(place);
    kinds.push('fragment', ...(fragment === 'later' ? [] : behind));
  }
  const chain = extensions(dice, kinds, ip + 40, pseudo, fragment, protocol);
  const header = dice.bytes(40);
  header[0] = 0x60;
  header[6] = chain.first;
  return { name: `ipv6 ${kinds.join('+')}`, header, chain: chain.bytes, pseudo };
}

function pseudoHeader(
  family: 4 | 6,
  { source, destination }: Pseudo,
  frame: Buffer,
  protocol: number,
  length: number,
): Buffer {
  const addresses = [source(frame), destination(frame)];
  // The two layouts: zero, protocol, length; or a long length, zeros, next header.
  const rest = family === 4 ? words(protocol, length) : words(0, length, 0, protocol);
  return Buffer.concat([...addresses, rest]);
}

/** Words that may have any value, by protocol. */
const FREE: Record<string, number> = {
  tcp: 14,
  udp: 0,
  udplite: 0,
  dccp: 0,
  icmpv6: 4,
  mobility: 6,
  hip: 8,
  ospf3: 4,
};

export function stack(dice: Dice): Stack {
  const family = dice.of<4 | 6>(4, 6);
  const makers = Object.values(MESSAGES).filter(({ families }) => families.includes(family));
  const message = dice.of(...makers).make(dice, family);
  const fragment = dice.of<Fragment>('whole', 'whole', 'whole', 'atomic', 'first', 'later');
  const ethernet = link(dice, family === 4 ? 0x0800 : 0x86dd);
  const ip = ethernet.bytes.length;
  const network = (family === 4 ? ipv4 : ipv6)(dice, ip, fragment, message.protocol);
  const { header, chain } = network;
  const whole = fragment === 'whole' || fragment === 'atomic';
  const cut = fragment === 'first' ? dice.upTo(message.bytes.length) : message.bytes.length;
  const content = fragment === 'later' ? dice.bytes(dice.upTo(60)) : message.bytes;
  const shown = fragment === 'later' ? content.length : cut;
  const lengthless = whole && dice.odds(6);
  const said = chain.length + shown + (family === 4 ? header.length : 0);
  header.writeUInt16BE(lengthless ? 0 : said, family === 4 ? 2 : 4);
  const trailer = lengthless || fragment === 'first' ? Buffer.alloc(0) : dice.bytes(dice.upTo(9));

  const all = Buffer.concat([ethernet.bytes, header, chain, content, trailer]);
  const wireLength = ip + header.length + chain.length + shown + trailer.length;
  const least = ip + (family === 4 ? 20 : 40);
  const captured = dice.odds(5) ? least + dice.upTo(wireLength - least) : wireLength;
  const checks: Check[] = [];
  const hidden = all.subarray(captured);
  const virtual = (frame: Buffer) => Buffer.concat([frame, hidden]);

  if (family === 4) {
    const end = ip + header.length;
    const residue = (frame: Buffer) => residueOf(virtual(frame).subarray(ip, end));
    if (dice.odds(4)) settle(all, ip + 4, captured, residue, true);
    settle(all, ip + 10, captured, residue, dice.odds(2));
    checks.push({ name: 'IPv4', at: ip + 10, residue, complete: captured >= end, optional: false });
    if (dice.odds(4)) all.writeUInt16BE(dice.upTo(0xffff), ip + 10);
  }
  const start = ip + header.length + chain.length;
  if (fragment !== 'later' && start + message.checksum + 2 <= Math.min(captured, start + cut)) {
    const check = checkOf(dice, {
      message,
      network,
      family,
      start,
      all,
      captured,
      whole,
      shown,
      virtual,
    });
    if (check !== null) checks.push(check);
  }
  const withPorts = message.ports && fragment !== 'later';
  const ports = withPorts && start + 4 <= Math.min(captured, start + cut) ? [start, start + 2] : [];
  const first = ip + (family === 4 ? 12 : 8);
  return {
    name: [ethernet.name, network.name, fragment, message.name].join(' / '),
    frame: Buffer.from(all.subarray(0, captured)),
    wireLength,
    hidden: Buffer.from(hidden),
    family,
    addresses: [first, first + (family === 4 ? 4 : 16)],
    ports,
    checks,
  };
}

/** Sets a word so that the sum is right. */
function settle(
  all: Buffer,
  at: number,
  captured: number,
  residue: (frame: Buffer) => number,
  zero: boolean,
): void {
  all.writeUInt16BE(0, at);
  all.writeUInt16BE(completing(residue(all.subarray(0, captured)), zero), at);
}

function checkOf(
  dice: Dice,
  parts: {
    message: Message;
    network: Network;
    family: 4 | 6;
    start: number;
    all: Buffer;
    captured: number;
    whole: boolean;
    /** bytes of the message that are in the packet */
    shown: number;
    virtual: (frame: Buffer) => Buffer;
  },
): Check | null {
  const { message, network, family, start, all, captured, whole, shown, virtual } = parts;
  const { protocol, otherwise } = message;
  const at = start + message.checksum;
  const summed =
    ({ covered, pseudoLength }: { covered: number; pseudoLength: number | null }) =>
    (frame: Buffer) => {
      const bytes = virtual(frame);
      const body = bytes.subarray(start, start + covered);
      if (pseudoLength === null) return residueOf(body);
      const pseudo = pseudoHeader(family, network.pseudo, bytes, protocol, pseudoLength);
      return residueOf(Buffer.concat([pseudo, body]));
    };
  const complete = whole && start + message.bytes.length <= captured;
  const other = otherwise !== undefined && complete && dice.odds(3);
  const way = other ? otherwise : message;
  const residue = summed(way);
  const there = start + way.covered <= captured;
  const zero = message.zero && dice.odds(2);
  const free = FREE[message.name];
  if (free !== undefined && dice.odds(4)) settle(all, start + free, captured, residue, true);
  settle(all, at, captured, residue, zero);
  if (!other && dice.odds(4)) {
    all.writeUInt16BE(dice.upTo(0xffff), at);
    // By chance it may be right in the other way.
    if (otherwise && summed(otherwise)(all.subarray(0, captured)) === 0) return null;
  }
  // Of OSPF what is behind it tells, as far as the packet has that.
  const optional = message.optional === true && (message.name === 'udp' || shown > way.covered);
  if (optional && dice.odds(6)) all.writeUInt16BE(0, at);
  return {
    name: message.name,
    at,
    residue,
    complete: whole && there && !message.impossible,
    optional,
  };
}
