import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Native } from '../../../lib/addon/contract.js';
import { root } from './children.js';

export const addonPath = join(root, 'build/Release/zerosend.node');

/** The addon itself, as only lib/addon sees it. */
export function loadAddon(): Native {
  return createRequire(import.meta.url)(addonPath);
}
