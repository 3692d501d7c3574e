import type { Order } from './order.js';

/** Milliseconds between two looks at a run. */
const LOOK = 100;

/**
 * The options that runs of every kind share: limits, batch size, precision, and what follows
 * refusals.
 */
export function limitsOf({ options, signal }: Order) {
  const { seconds, precision, batch } = options;
  return {
    precision,
    onError: options['on-error'],
    ...(seconds === undefined ? {} : { seconds }),
    ...(batch === undefined ? {} : { batch }),
    signal,
    progressInterval: LOOK,
  };
}
