import { HeldParts } from '../buffers/parts.js';
import { Run } from '../buffers/run.js';
import { Slot } from '../buffers/slots.js';

/**
 * The errno of a slot that was retired since the process may not have more mappings
 * (MappingBudget).
 */
const ENOSPC = 28;

let warned = false;

/** Warns once when slots are retired because the process may not have more mappings. */
export function warnOfMappings(errno: number): void {
  if (errno !== ENOSPC || warned) return;
  warned = true;
  process.emitWarning(
    'buffers that were given up are retired: their pages would have to be mappings of their own, of ' +
      'which a process may have vm.max_map_count, and a quarter of these is in use for that',
    { type: 'ZeroSendWarning', code: 'ZEROSEND_BUFFERS_RETIRED' },
  );
}

/** Plain arrays whose pages could not be replaced. The kernel may read them at any time, so they are kept. */
const lost: Uint8Array[] = [];

/** Retires the memory of this send, so that it is never reused and never garbage-collected. */
export function holdForEver(holder: Slot | Uint8Array | Run | HeldParts, id: number): void {
  if (holder instanceof HeldParts) {
    // it is not known whose pages could not be replaced
    for (const part of holder) holdForEver(part, id);
    return;
  }
  if (holder instanceof Slot) {
    const { slots, index, leases } = holder;
    // The user may have it still, and takes what has completed for memory that may be written to.
    if (leases > 0 && !slots.isRetired(index)) warnOfLost(`the bytes of buffer ${index} of a pool`);
    slots.retire(index);
    return;
  }
  if (holder instanceof Run) {
    holder.retire(id);
    return;
  }
  lost.push(holder);
  warnOfLost(`${holder.byteLength} bytes`);
}

function warnOfLost(what: string): void {
  process.emitWarning(
    `${what} could not be parted from the kernel, which may read them at any time: do not write to ` +
      'them again',
    { type: 'ZeroSendWarning', code: 'ZEROSEND_MEMORY_LOST' },
  );
}

/** Retires the slots of the sends from `first` to before `end` of a run that are among these ids. */
export function retireLost(ids: Set<number> | null, run: Run, first: number, end: number): void {
  if (ids === null || ids.size === 0) return;
  for (let id = first; id < end; id++) {
    if (ids.delete(id)) run.retire(id);
  }
}
