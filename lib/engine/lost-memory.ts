import { Run } from '../buffers/run.js';
import { Slot } from '../buffers/slot.js';

/** Why a slot is retired: no more mappings for the process; see MappingBudget in native/kernel. */
const ENOSPC = 28;

let warned = false;

/** Says once that slots are retired for want of mappings, if that is why. */
export function warnOfMappings(errno: number): void {
  if (errno !== ENOSPC || warned) return;
  warned = true;
  process.emitWarning(
    'buffers that were given up are retired: their pages would have to be mappings of their own, of ' +
      'which a process may have vm.max_map_count, and a quarter of these is in use for that',
    { type: 'ZeroSendWarning', code: 'ZEROSEND_BUFFERS_RETIRED' },
  );
}

/** Memory that the kernel may read at any time to come, for want of pages to replace it with. */
const lost: Uint8Array[] = [];

/** The memory of this send must never be used again. */
export function holdForEver(holder: Slot | Uint8Array | Run, id: number): void {
  if (holder instanceof Slot) {
    holder.slots.retire(holder.index);
    return;
  }
  if (holder instanceof Run) {
    holder.retire(id);
    return;
  }
  lost.push(holder);
  process.emitWarning(
    `${holder.byteLength} bytes could not be parted from the kernel, which may read them at any ` +
      'time: do not write to them again',
    { type: 'ZeroSendWarning', code: 'ZEROSEND_MEMORY_LOST' },
  );
}
