import { isFailure, native } from '../../../addon/addon.js';
import type { DeviceDescription } from '../../../addon/contract.js';
import { systemError } from '../../../base/errors.js';
import { UdpSocket } from '../../../index.js';
import { type Attempt, refusalOf } from './attempt.js';

/** @throws the error of netlink(7) */
export function devices(): DeviceDescription[] {
  const found = native.devices();
  if (isFailure(found)) throw systemError(found.errno, found.syscall);
  return found;
}

/** An address of the range for benchmarks (RFC 2544), to which nothing is sent. */
const NOWHERE = { address: '198.18.0.1', port: 9 };

/**
 * Opens a UDP socket with a rate that sends through the interface, which fails where the interface
 * cannot pace.
 */
export async function udpPacing(name: string): Promise<Attempt> {
  try {
    const options = { remote: NOWHERE, interface: name, maxPacingRate: 1_000_000_000 };
    const socket = await UdpSocket.open(options);
    const { maxPacingRate } = socket.info();
    await socket.close();
    return { data: { granted: maxPacingRate ?? null } };
  } catch (error) {
    const { qdisc } = error as { qdisc?: string };
    return { error: refusalOf(error), data: { qdisc: qdisc ?? null } };
  }
}
