import { describe, expect, it } from 'vitest';
import { until } from '../support/deadline.js';
import { addPair, countsOf, ip, ownLinks } from '../support/links.js';
import { Program } from '../support/program.js';

describe('what is published of a ring before the process exits', ownLinks(), () => {
  it.each(['packet', 'xdp'])('has left it: %s', async (kind) => {
    ip('link set lo up');
    const { name, peer } = addPair();
    const url = new URL('./programs/last-frame.mjs', import.meta.url);
    const program = new Program(url, { kind, interface: name });
    expect(await program.exit()).toMatchObject({ code: 0, stderr: '' });
    await until(() => countsOf(peer).rx.packets === 1, 'the frame to arrive', 2000);
  });
});
