import { startReceiver } from '../../rig/index.mjs';
import { rigUp } from '../rig/needs.js';
import { Inside } from './inside.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';
import type { Report } from './reports.js';

const SEGMENT = 1400;

export interface Case {
  protocol: 'tcp' | 'udp';
  how: 'abort' | 'close';
  /** What is sent from; see memoryFor in programs/revoke.mjs. */
  memory: string;
  /** bytes of one send */
  length?: number;
  /** The pages are not replaced, which has to show. */
  broken?: boolean;
}

export interface RevokeReport extends Report {
  second: Report;
  /** bytes of the pool that were on huge pages */
  huge: number;
}

/**
 * Gives a socket up while a slow link is behind with its data; see programs/revoke.mjs. Slowest where
 * that is rewritten: most of it has to be there still when the program comes to it.
 */
export async function giveUp({
  protocol,
  length = protocol === 'tcp' ? 16_384 : 46 * SEGMENT,
  ...rest
}: Case) {
  const rig = await rigUp('veth', { rate: rest.broken ? '10mbit' : '20mbit' });
  await using receiver = await startReceiver({ protocol, namespace: rig.receiver, seed: 'any' });
  const { v4: address } = rig.receiverAddress;
  const count = Math.min(512, Math.floor((3 << 20) / length));
  const target = { protocol, address, port: receiver.port, segmentSize: SEGMENT, count, length };
  // The library finds out that there was no child, and warns that the memory is lost.
  const node = rest.broken ? ['--no-warnings'] : [];
  const program = new Inside(rig, 'revoke', { ...target, ...rest }, { testBuild: true, node });
  const report = (await program.report()) as RevokeReport;
  const received = await (protocol === 'tcp'
    ? stopWhenClosed(receiver, 2)
    : stopWhenQuiet(receiver));
  return { report, received, count };
}
