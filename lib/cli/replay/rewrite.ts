import type { Rewrite } from '../../generator/index.js';
import { UsageError } from '../base/options.js';
import type { ReplayCommandOptions } from './options.js';

/** What is changed in frames, by the options; whether it can be is judged by the library. */
export function rewriteOf(options: ReplayCommandOptions): Rewrite {
  const source = options['source-mac'];
  const destination = options['destination-mac'];
  const remove = options['remove-vlan'];
  const id = options['add-vlan'];
  return {
    ethernet: {
      ...(source === undefined ? {} : { source }),
      ...(destination === undefined ? {} : { destination }),
      addresses: Object.fromEntries(options['rewrite-mac']),
    },
    vlan: {
      map: numbersOf('--rewrite-vlan', 'ids', options['rewrite-vlan'], 4095),
      ...(remove === undefined ? {} : { remove }),
      ...(id === undefined ? {} : { add: { id } }),
    },
    addresses: Object.fromEntries(options['rewrite-address']),
    eachLoop: Object.fromEntries(options['each-loop']),
    ports: numbersOf('--rewrite-port', 'ports', options['rewrite-port'], 65_535),
    checksums: options.checksums,
  };
}

function numbersOf(
  name: string,
  what: string,
  pairs: readonly (readonly [string, string])[],
  most: number,
): Record<number, number> {
  const numbers = pairs.map(([from, text]) => {
    if (/^\d+$/.test(text) && Number(text) <= most) return [from, Number(text)];
    throw new UsageError(`${name} takes ${what} from 0 to ${most}; received '${text}'`);
  });
  return Object.fromEntries(numbers);
}
