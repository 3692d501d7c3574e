import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

const url = new URL('./programs/listeners.mjs', import.meta.url);

describe('listeners', () => {
  it('that throw raise an uncaught exception, and nobody else loses anything', async () => {
    const udp = await startPeer({ protocol: 'udp', discard: true });
    const program = new Program(url, { what: 'throw', udp: udp.port });
    const done = await program.next('done');
    const drained = { outcome: 'drained', ids: 100, unfinished: 0 };
    expect(done).toMatchObject({ completed: 100, free: 8, reports: [drained, drained] });
    const { code, messages } = await program.exit();
    expect(code).toBe(0);
    const uncaught = messages.filter(({ type }) => type === 'uncaught');
    expect(uncaught.length).toBeGreaterThan(0);
    expect(new Set(uncaught.map(({ message }) => message))).toEqual(new Set(['in a listener']));
  });

  it('an error event without one is thrown, and there is a close event', async () => {
    const tcp = await startPeer({ protocol: 'tcp' });
    const program = new Program(url, { what: 'error', tcp: tcp.port });
    await program.next('connected');
    await tcp.until(({ accepted }) => accepted === 1);
    await tcp.reset();
    const { code, messages } = await program.exit();
    expect(code).toBe(0);
    const find = (type: string) => messages.filter((message) => message.type === type);
    expect(find('uncaught')).toMatchObject([{ code: 'ECONNRESET' }]);
    const error = { code: 'ECONNRESET' };
    const report = { outcome: 'aborted', ids: 0, unfinished: 0, error };
    expect(find('done')).toMatchObject([{ type: 'done', report }]);
  });
});
