import { defineCommand, EXIT } from '../../../lib/cli/base/command.js';
import {
  bytes,
  choice,
  choices,
  flag,
  integer,
  number,
  rate,
  seconds,
  text,
} from '../../../lib/cli/base/options.js';

/** A command with an option of each kind. */
export const sample = defineCommand({
  name: 'sample',
  summary: 'does nothing',
  about: 'Does nothing, with an option of each kind.',
  positionals: 'FILE...',
  options: {
    loud: flag('say more', 'l'),
    to: text('where to', { default: undefined, placeholder: 'HOST' }),
    kind: choice('which kind', ['udp', 'tcp'], { default: 'udp' }),
    kinds: choices('which kinds', ['udp', 'tcp', 'xdp'], { default: ['udp', 'tcp'] }),
    count: integer('how many', { default: 3, min: 1, max: 10 }),
    share: number('which share', { default: 0.5, min: 0, max: 1 }),
    size: bytes('how large', { default: 1400, min: 1, max: 2 ** 31, short: 's' }),
    rate: rate('how fast', { default: undefined, min: 1, max: 1e9 }),
    seconds: seconds('how long', { default: 1, min: 0.001, max: 3600 }),
  },
  examples: [['zerosend sample --loud', 'says more']],
  exitCodes: { [EXIT.FAILED]: 'nothing was done after all' },
  run: async () => EXIT.OK,
});
