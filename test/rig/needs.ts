import type { TestOptions } from 'vitest';
import { type RigKind, type RigOptions, whyRigUnavailable } from '../../rig/index.mjs';
import { needs } from '../support/requirements.js';

/**
 * The options of a suite that needs a rig, found by setting one up:
 *
 *     describe('over veth', await needsRig('veth'), () => { ... });
 */
export async function needsRig(kind: RigKind, options: RigOptions = {}): Promise<TestOptions> {
  const reason = await whyRigUnavailable(kind, options);
  return needs(reason === null, `a ${kind} rig, but: ${reason}`);
}
