import type { DeviceDescription } from '../../../addon/contract.js';
import type { Remedy } from '../../base/capability.js';
import { sudo } from '../remedies.js';
import type { System } from '../system/system.js';

/** A reason why the kernel copies what it should send in place. */
export interface Copying {
  readonly reason: 'loopback' | 'tap' | 'no-scatter-gather' | 'no-checksums' | 'tunnel' | 'veth';
  readonly text: string;
  readonly remedies: readonly Remedy[];
}

/** Features by which a device takes datagrams whose checksum is not computed yet. */
const CHECKSUMS = ['tx-checksum-ip-generic', 'tx-checksum-ipv4', 'tx-checksum-ipv6'];

/**
 * All reasons of an interface for the kernel to copy, as far as they can be known without sending.
 */
export function copyingOf(device: DeviceDescription, system: System): Copying[] {
  const { name, features, featuresErrno, kind } = device;
  const found: Copying[] = [];
  const add = (reason: Copying['reason'], text: string, remedies: readonly Remedy[] = []) =>
    found.push({ reason, text, remedies });

  if (device.loopback) {
    add('loopback', 'What is sent to this machine itself is copied for its receiver.');
  }
  if (kind === 'tun') {
    add('tunnel', 'The program at the other end reads what is sent, so it is copied for it.');
  }
  if (kind === 'veth') {
    add(
      'veth',
      'What a network stack at the other end receives is copied for it; what it forwards is not.',
    );
  }
  for (const { index, program } of system.taps ?? []) {
    if (index !== 0 && index !== device.index) continue;
    const who = program ?? 'a packet socket of a program that cannot be seen from here';
    const where = index === 0 ? 'on every interface' : 'here';
    add('tap', `${who} listens ${where} to what is sent, so all of it is copied.`, [
      { type: 'cat /proc/net/packet', what: 'lists the sockets that listen; end the programs' },
    ]);
  }
  if (featuresErrno === 0 && features['tx-scatter-gather'] === false) {
    add(
      'no-scatter-gather',
      'The device cannot gather a packet from several places (scatter-gather is off).',
      [
        {
          type: `${sudo(system)}ethtool -K ${name} sg on`,
          what: 'switches it on, where the driver can',
        },
      ],
    );
  }
  if (featuresErrno === 0 && !CHECKSUMS.some((feature) => features[feature])) {
    add(
      'no-checksums',
      'The device makes no checksums, so the kernel does, of a copy that nobody else can change; of TCP completions may not say so.',
      [
        {
          type: `${sudo(system)}ethtool -K ${name} tx on`,
          what: 'has the device make them, where it can',
        },
      ],
    );
  }
  return found;
}
