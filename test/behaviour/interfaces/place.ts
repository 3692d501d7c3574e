import { beforeAll } from 'vitest';
import { createRig, type Rig, type RigOptions, startReceiver } from '../../../rig/index.mjs';
import type { Place } from './kinds.mjs';

/** A veth rig whose sending end is where the tests are, with receivers at its other end. */
export interface Stage extends Place {
  rig: Rig;
}

/** The stage of a suite: there from its first test to its last one. */
export function stageOf(options: RigOptions = {}): Stage {
  const stage = {} as Stage;
  beforeAll(async () => {
    const rig = await createRig('veth', { here: true, ...options });
    const receivers = { discard: true, namespace: rig.receiver };
    const tcp = await startReceiver({ protocol: 'tcp', ...receivers });
    const udp = await startReceiver({ protocol: 'udp', ...receivers });
    Object.assign(stage, {
      rig,
      address: rig.receiverAddress.v4,
      ports: { tcp: tcp.port, udp: udp.port },
      interface: rig.senderInterface.name,
    });
    return async () => {
      await tcp.stop();
      await udp.stop();
      await rig.dispose();
    };
  });
  return stage;
}
