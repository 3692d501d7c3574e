import { fileURLToPath } from 'node:url';
import { createRig, type Rig, type RigOptions, startReceiver } from '../../../rig/index.mjs';
import { askAlone } from '../../support/alone.js';
import type { Kind } from './kinds.mjs';

const PROGRAM = new URL('program.mjs', import.meta.url);

/** Runs a scenario in a network namespace of its own; answers what the scenario does. */
export const runAlone = (module: string, scenario: string, kind: string) =>
  askAlone(PROGRAM, [module, scenario, kind, '{}'], { timeout: 60_000 });

/** A rig with receivers in it, in which scenarios run. */
export interface Stage {
  rig: Rig;
  // biome-ignore lint/suspicious/noExplicitAny: each scenario has a result of its own
  run(module: string, scenario: string, kind: Kind): Promise<any>;
  dispose(): Promise<void>;
}

export async function setStage(options: RigOptions = {}): Promise<Stage> {
  const rig = await createRig('veth', options);
  const namespace = rig.receiver;
  const tcp = await startReceiver({ protocol: 'tcp', discard: true, namespace });
  const udp = await startReceiver({ protocol: 'udp', discard: true, namespace });
  const place = {
    address: rig.receiverAddress.v4,
    ports: { tcp: tcp.port, udp: udp.port },
    interface: rig.senderInterface.name,
  };
  return {
    rig,
    async run(module, scenario, kind) {
      const argv = [fileURLToPath(PROGRAM), module, scenario, kind, JSON.stringify(place)];
      const { stdout } = await rig.sender.run(process.execPath, argv, { timeout: 40_000 });
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    },
    async dispose() {
      await tcp.stop();
      await udp.stop();
      await rig.dispose();
    },
  };
}
