import { onTestFinished, type TestOptions } from 'vitest';
import {
  createRig,
  type Rig,
  type RigKind,
  type RigOptions,
  whyRigUnavailable,
} from '../../rig/index.mjs';
import { canMakeNamespaces, isAlone, needs } from '../support/requirements.js';

/** Throws where the sending end of a rig would come among the machine's own interfaces. */
export function assertOwnPlace({ here = false }: RigOptions): void {
  if (!here || isAlone() || !canMakeNamespaces()) return;
  throw new Error(
    'a rig that is here needs a file with a namespace of its own (ALONE, vitest.config.ts)',
  );
}

/**
 * The options of a suite that needs a rig, found by setting one up:
 *
 *     describe('over veth', await needsRig('veth'), () => { ... });
 */
export async function needsRig(kind: RigKind, options: RigOptions = {}): Promise<TestOptions> {
  assertOwnPlace(options);
  const reason = await whyRigUnavailable(kind, options);
  return needs(reason === null, `a ${kind} rig, but: ${reason}`);
}

/** A rig, which is removed when the test that calls this has finished. */
export async function rigUp(kind: RigKind, options: RigOptions = {}): Promise<Rig> {
  const rig = await createRig(kind, options);
  onTestFinished(() => rig.dispose());
  return rig;
}
