// @ts-check
// The frames of the ring contests, and the field of each that differs in every packet. C
// programs get the bytes, so that all send the same frames.
import { template } from 'zerosend/generator';

/**
 * @typedef {object} Frame
 * @property {import('zerosend/generator').Template} template
 * @property {import('zerosend/generator').Field[]} fields
 * @property {number | null} counter offset of the field's four bytes from the first byte of the buffer; null:
 *   all packets are alike
 */

const LINK = {
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
};

// It has no UDP checksum, so that only the counter has to be written for each packet, in both
// languages.
const small = template({
  ...LINK,
  udp: { source: 1024, destination: 9, checksum: 'none' },
  length: 64,
});

const large = template({
  ...LINK,
  tcp: { source: 1024, destination: 9 },
  length: 65_000,
  virtioNetHeader: { segmentSize: 1448 },
});

/** @satisfies {Record<string, Frame>} */
export const frames = {
  /** 64 B of UDP */
  small: {
    template: small,
    fields: [{ target: { layer: 'payload', offset: 0, width: 4 }, counter: {} }],
    counter: small.offsets.payload,
  },
  /** 65000 B of TCP, behind an offload header that has them cut into segments */
  large: {
    template: large,
    fields: [{ target: 'tcp.sequence', counter: {} }],
    counter: large.offsets.tcp + 4,
  },
};

/**
 * A frame with a datagram for a UDP socket of this host, for loopback. Its source is a foreign
 * address, since the kernel drops frames that claim to come from its own.
 * @param {{ size: number, address: string, port: number }} to bytes of payload
 * @returns {Frame}
 */
export function loopbackFrame({ size, address, port }) {
  const here = '00:00:00:00:00:00';
  const datagram = template({
    ethernet: { source: here, destination: here },
    ipv4: { source: '198.18.0.2', destination: address },
    udp: { source: 1024, destination: port, checksum: 'none' },
    length: HEADERS + size,
  });
  return { template: datagram, fields: [], counter: null };
}

const HEADERS = 42; // bytes of Ethernet, IPv4 and UDP

/** Bytes of a frame on the wire, uncut. @param {Frame} frame */
export function wireLength({ template: { length, offsets } }) {
  return offsets.offload < 0 ? length : length - (offsets.ethernet - offsets.offload);
}

/** The arguments of c/sender for a frame. @param {Frame} frame @returns {string[]} */
export function frameArgs(frame) {
  const { bytes, offsets } = frame.template;
  const head = bytes.subarray(0, offsets.payload).toString('hex');
  return [
    ...['--size', String(wireLength(frame)), '--frame', head],
    ...(frame.counter === null ? [] : ['--counter', String(frame.counter)]),
    ...(offsets.offload < 0 ? [] : ['--offload']),
  ];
}
