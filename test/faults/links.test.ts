import { describe, expect, it } from 'vitest';
import { ownNamespace } from '../../rig/index.mjs';
import { canMakeNamespaces, needs } from '../support/requirements.js';
import { answerOf } from './run-program.js';

describe('news of interfaces', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  describe.each(['packet', 'xdp'] as const)('%s', (kind) => {
    const ask = (argument: object) =>
      answerOf<object>('links', { kind, ...argument }, { prefix: ownNamespace() });

    it('lost for want of room is asked for', async () => {
      expect(await ask({ scenario: 'overflow' })).toEqual({
        asleep: true,
        lost: true,
        hears: true,
      });
    });

    it('that cannot be read is not tried for ever', async () => {
      expect(await ask({ scenario: 'denied' })).toEqual({
        tried: true,
        few: true,
        outcome: 'drained',
      });
    });

    it('of its removal, while a socket opens, reaches that socket', async () => {
      expect(await ask({ scenario: 'removed' })).toEqual({ closed: true, codes: ['ENXIO'] });
    });

    it('counts, where an older answer comes behind it', async () => {
      expect(await ask({ scenario: 'overtaken' })).toBe('ERR_ZEROSEND_FRAME_TOO_LONG');
    });

    it('that only stats() finds, since no other can be had, is told', async () => {
      expect(await ask({ scenario: 'found' })).toEqual({ closed: true, codes: ['ENXIO'] });
    });

    it.each([
      ['socket', { error: 'EMFILE', skip: 2 }, 1], // behind the socket itself, and that for its MTU
      ['bind', { error: 'EPERM', skip: kind === 'packet' ? 1 : 3 }, 1], // AF_XDP has three attempts
      ['socket', { error: 'EMFILE', skip: 3 }, 0],
      ['recv', { error: 'EAGAIN' }, 0],
    ])(
      'that cannot be had does not keep a socket from opening: %s %o',
      async (call, fault, more) => {
        const sound = { mtu: 1500, up: true, outcome: 'drained', hears: true };
        expect(await ask({ call, fault })).toEqual({ struck: 1, ...sound, more });
      },
    );
  });
});

describe('without loopback', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it('a ring is not led past a place where frames before it are taken back', async () => {
    expect(await answerOf('passing', {}, { prefix: ownNamespace() })).toEqual({
      passed: 0,
      waitsFor: 0,
      outcome: 'aborted', // since the malformed frame has failed
      tally: { failed: 1, zerocopy: 6 },
      problems: [],
    });
  });
});
