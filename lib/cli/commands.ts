import type { Entry } from './base/command.js';

export type { Entry };

/** Every command, in the order in which a new user needs them. */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  demo: {
    summary: 'send over UDP and TCP with MSG_ZEROCOPY, check every byte and every id',
    load: () => import('./demo/command.js'),
  },
  doctor: {
    summary: 'try what works on this machine, and say what to type where something does not',
    load: () => import('./doctor/command.js'),
  },
  bench: {
    summary: 'measure where zero copy begins to pay on this machine, and recommend settings',
    load: () => import('./bench/command.js'),
  },
  send: {
    summary: 'generate packets: UDP, TCP, or whole frames through an interface',
    load: () => import('./send/command.js'),
  },
  replay: {
    summary: 'send a capture again: pcap or pcapng, at its own speed or another',
    load: () => import('./replay/command.js'),
  },
  build: {
    summary: 'build the native part from source, where no binary fits this system',
    load: () => import('./build/command.js'),
  },
};
