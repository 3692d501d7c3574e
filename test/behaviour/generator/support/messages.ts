// What IP carries, with a checksum over the addresses: how each protocol makes it, by its RFC.
import { type Dice, words } from './stacks.js';

export interface Message {
  name: string;
  protocol: number;
  /** with 0 where the checksum is */
  bytes: Buffer;
  checksum: number;
  /** bytes that the checksum covers, and that the pseudo header says; null: it has no pseudo header */
  covered: number;
  pseudoLength: number | null;
  /** 0 may stand in the checksum */
  zero: boolean;
  ports: boolean;
  /** the message says what cannot be, so nobody can work its checksum out */
  impossible?: boolean;
  /** it may be sent with 0 in place of a checksum */
  optional?: boolean;
  /** others make the checksum in this way: both may be right */
  otherwise?: { covered: number; pseudoLength: number | null };
}

type Maker = (dice: Dice, family: 4 | 6) => Message;

const whole = (name: string, protocol: number, bytes: Buffer, checksum: number): Message => ({
  name,
  protocol,
  bytes,
  checksum,
  covered: bytes.length,
  pseudoLength: bytes.length,
  zero: true,
  ports: false,
});

const payload = (dice: Dice) => dice.bytes(dice.upTo(60));
const ports = (dice: Dice) => words(dice.word(), dice.word());

export const MESSAGES: Record<string, { families: (4 | 6)[]; make: Maker }> = {
  tcp: {
    families: [4, 6],
    make(dice) {
      const options = 4 * dice.upTo(5);
      const rest = Buffer.concat([dice.bytes(8), Buffer.of((5 + options / 4) * 16), dice.bytes(3)]);
      const tail = [words(0), dice.bytes(2 + options), payload(dice)];
      const message = whole('tcp', 6, Buffer.concat([ports(dice), rest, ...tail]), 16);
      return { ...message, ports: true };
    },
  },
  udp: {
    families: [4, 6],
    make(dice) {
      const data = payload(dice);
      const surplus = dice.odds(4) ? dice.bytes(dice.upTo(9)) : Buffer.alloc(0);
      const length = 8 + data.length;
      const bytes = Buffer.concat([ports(dice), words(length, 0), data, surplus]);
      const message = whole('udp', 17, bytes, 6);
      const said = { covered: length, pseudoLength: length };
      return { ...message, ...said, zero: false, ports: true, optional: true };
    },
  },
  udplite: {
    families: [4, 6],
    make(dice) {
      const data = payload(dice);
      const length = 8 + data.length;
      const coverage = dice.of(0, 8, 8 + dice.upTo(data.length), length, 7, length + 1);
      const bytes = Buffer.concat([ports(dice), words(coverage, 0), data]);
      const covered = coverage < 8 || coverage > length ? length : coverage;
      const impossible = coverage > length || coverage === 7;
      return { ...whole('udplite', 136, bytes, 6), covered, zero: false, impossible };
    },
  },
  dccp: {
    families: [4, 6],
    make(dice) {
      const header = 4 * (3 + dice.upTo(4));
      const data = payload(dice);
      const coverage = dice.upTo(15);
      const fixed = Buffer.concat([ports(dice), Buffer.of(header / 4, coverage), words(0)]);
      const bytes = Buffer.concat([fixed, dice.bytes(header - 8), data]);
      const said = coverage === 0 ? bytes.length : header + (coverage - 1) * 4;
      const covered = Math.min(said, bytes.length);
      return { ...whole('dccp', 33, bytes, 6), covered, impossible: said > bytes.length };
    },
  },
  icmpv6: {
    families: [6],
    make: (dice) => {
      const type = dice.of(1, 2, 3, 128, 129, 131, 135, 136);
      const bytes = Buffer.concat([Buffer.of(type, 0, 0, 0), dice.bytes(4 + dice.upTo(40))]);
      return whole('icmpv6', 58, bytes, 2);
    },
  },
  icmp: {
    families: [4],
    make: (dice) => {
      const bytes = Buffer.concat([Buffer.of(8, 0, 0, 0), dice.bytes(4), payload(dice)]);
      return { ...whole('icmp', 1, bytes, 2), pseudoLength: null };
    },
  },
  vrrp2: {
    families: [4, 6],
    make: (dice, family) => {
      const bytes = Buffer.concat([Buffer.of(0x21, 1, 100, 1, 0, 1, 0, 0), dice.bytes(12)]);
      const message = whole('vrrp2', 112, bytes, 6);
      const without = { covered: bytes.length, pseudoLength: null };
      return family === 4 ? { ...message, ...without } : { ...message, otherwise: without };
    },
  },
  vrrp3: {
    families: [4, 6],
    make: (dice, family) => {
      const addresses = dice.bytes(family === 4 ? 4 : 16);
      const bytes = Buffer.concat([Buffer.of(0x31, 1, 100, 1, 0, 100, 0, 0), addresses]);
      const message = whole('vrrp3', 112, bytes, 6);
      if (family === 6) return message;
      return { ...message, otherwise: { covered: bytes.length, pseudoLength: null } };
    },
  },
  pim: {
    families: [4, 6],
    make: (dice, family) => {
      const register = dice.odds(2);
      const bytes = Buffer.concat([Buffer.of(register ? 0x21 : 0x20, 0, 0, 0), dice.bytes(24)]);
      const way = (length: number) => ({
        covered: length,
        pseudoLength: family === 6 ? length : null,
      });
      const message = {
        ...whole(register ? 'register' : 'pim', 103, bytes, 2),
        ...way(bytes.length),
      };
      return register ? { ...message, ...way(8), otherwise: way(bytes.length) } : message;
    },
  },
  ospf3: {
    families: [4, 6],
    make: (dice, family) => {
      const length = 16 + 4 * dice.upTo(5);
      const trailer = dice.odds(3) ? dice.bytes(12) : Buffer.alloc(0);
      const rest = [dice.bytes(8), words(0), dice.bytes(length - 14), trailer];
      const version = family === 6 ? dice.of(2, 3) : 3;
      const bytes = Buffer.concat([Buffer.of(version, 1), words(length), ...rest]);
      const optional = trailer.length > 0;
      return {
        ...whole('ospf3', 89, bytes, 12),
        covered: length,
        pseudoLength: length,
        zero: !optional,
        optional,
      };
    },
  },
  mobility: {
    families: [6],
    make: (dice) => {
      const length = 8 * (1 + dice.upTo(4));
      const head = Buffer.of(59, length / 8 - 1, 5, 0, 0, 0);
      return whole('mobility', 135, Buffer.concat([head, dice.bytes(length - 6)]), 4);
    },
  },
  hip: {
    families: [4, 6],
    make: (dice) => {
      const length = 8 * (5 + dice.upTo(4));
      const head = Buffer.of(59, length / 8 - 1, 1, 0x21, 0, 0);
      return whole('hip', 139, Buffer.concat([head, dice.bytes(length - 6)]), 4);
    },
  },
};
