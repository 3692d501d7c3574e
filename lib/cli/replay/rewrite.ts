import { readFileSync } from 'node:fs';
import type { Rewrite } from '../../generator/index.js';
import { UsageError } from '../base/options.js';
import type { ReplayCommandOptions } from './options.js';

/** The option `rewrite` of `replay`, from the options of the command. The library checks it. */
export function rewriteOf(options: ReplayCommandOptions): Rewrite {
  const { rewrite: path } = options;
  const own = ownRewrite(options);
  return path === undefined ? own : merged(readRewrite('--rewrite', path), own);
}

/**
 * The same for frames of servers; undefined where they are changed as those of clients. @throws
 * UsageError
 */
export function serverRewriteOf(options: ReplayCommandOptions): Rewrite | undefined {
  const { 'server-rewrite': path } = options;
  const source = options['server-source-mac'];
  const destination = options['server-destination-mac'];
  if (path === undefined && source === undefined && destination === undefined) return undefined;
  const base = path === undefined ? rewriteOf(options) : readRewrite('--server-rewrite', path);
  const ethernet = {
    ...(source === undefined ? {} : { source }),
    ...(destination === undefined ? {} : { destination }),
  };
  return merged(base, { ethernet });
}

function readRewrite(option: string, path: string): Rewrite {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  throw new UsageError(`${option}: ${path} has to hold an object`);
}

/** Merges the rules of a file and of options. Where both have a rule, the option counts. */
function merged(file: Rewrite, own: Rewrite): Rewrite {
  const all: Record<string, unknown> = { ...file };
  for (const [key, value] of Object.entries(own)) {
    const there = all[key];
    if (typeof value !== 'object') all[key] = value || there;
    else if (typeof there !== 'object' || there === null) all[key] = value;
    else all[key] = merged(there as Rewrite, value as Rewrite);
  }
  return all;
}

function ownRewrite(options: ReplayCommandOptions): Rewrite {
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
