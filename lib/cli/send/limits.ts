import type { Order } from './order.js';

/** Milliseconds between two looks at a run. */
const LOOK = 100;

/** What runs of every kind are told: how long, by how much at a time, how exactly, and what of refusals. */
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
