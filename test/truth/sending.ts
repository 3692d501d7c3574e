import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { SocketOptions } from 'zerosend';
import { type ReceiverReport, type Rig, startReceiver } from '../../rig/index.mjs';
import { folderOfTest } from '../support/folders.js';
import { expectIntact } from '../support/receiver.js';
import { Inside, type InsideOptions } from './inside.js';
import type { Report } from './reports.js';

/** What programs/sends.mjs is told; see there. */
export interface Sends {
  protocol: 'tcp' | 'udp';
  family?: 4 | 6;
  sends: number;
  length: number;
  segmentSize?: number | undefined;
  count?: number;
  many?: number;
  setOptions?: (readonly [level: number, name: number, value: number])[];
  injections?: Record<string, object>;
  signal?: NodeJS.Signals;
  untilClosed?: boolean;
  record?: boolean;
  socketOptions?: SocketOptions;
}

export interface SendsReport extends Report {
  thrown: Record<string, number>;
  signals: number;
  struck: Record<string, number>;
  /** Completions that the kernel reported behind later ones. */
  disorder?: number;
}

/** Runs programs/sends.mjs against a receiver. */
export async function startSends(
  rig: Rig,
  { family = 4, ...sends }: Sends,
  options: InsideOptions = {},
  receiving: Partial<Parameters<typeof startReceiver>[0]> = {},
) {
  const { protocol } = sends;
  const receiver = await startReceiver({ protocol, family, namespace: rig.receiver, ...receiving });
  onTestFinished(() => receiver[Symbol.asyncDispose]());
  const { v4, v6 } = rig.receiverAddress;
  const target = { address: family === 4 ? v4 : v6, port: receiver.port };
  const program = new Inside(rig, 'sends', { ...target, ...sends }, options);
  return { receiver, program, report: async () => (await program.report()) as SendsReport };
}

/** The same to its end; all of it has to arrive, and nothing wrong. */
export async function sendAll(
  rig: Rig,
  sends: Sends,
  options: InsideOptions = {},
  receiving: Partial<Parameters<typeof startReceiver>[0]> = {},
): Promise<{ report: SendsReport; received: ReceiverReport }> {
  const running = await startSends(rig, sends, options, receiving);
  const report = await running.report();
  expect(report).toMatchObject({ errors: [], closed: { outcome: 'drained' } });
  const { bytes, datagrams } = report;
  const all = sends.protocol === 'udp' ? { bytes, datagrams } : { bytes };
  return { report, received: await expectIntact(running.receiver, all) };
}

/** What a program needs of the checkout, where every user can read it. */
export function readableCopy(): string {
  const copy = folderOfTest();
  chmodSync(copy, 0o755);
  const libraries = ['eventemitter3', 'p-queue', 'p-timeout'];
  const paths = ['package.json', 'dist', 'build/Release', 'rig', 'test/support', 'test/truth'];
  const filter = (path: string) => !path.includes('obj.target') && !path.endsWith('.deps');
  for (const path of [...paths, ...libraries.map((name) => `node_modules/${name}`)]) {
    const from = fileURLToPath(new URL(`../../${path}`, import.meta.url));
    cpSync(from, join(copy, path), { recursive: true, filter });
  }
  return copy;
}
