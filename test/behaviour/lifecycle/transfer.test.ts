import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

const url = new URL('./programs/transfer.mjs', import.meta.url);
// Behind a flag in Node.js 20.
const node = ['--expose-gc'];
if (!('transfer' in ArrayBuffer.prototype)) node.push('--harmony-rab-gsab-transfer');

describe('the memory of a pool with buffers in flight is not freed by', () => {
  it.each([
    'structuredClone',
    'postMessage to a port that closes',
    'postMessage to a worker that ends',
    'workerData of a worker that ends',
    'ArrayBuffer.transfer',
    'ArrayBuffer.transfer to another size',
  ])('%s', async (how) => {
    const tcp = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
    const program = new Program(url, { how, tcp: tcp.port }, { node });
    const tried = await program.next('tried');
    console.log(`${how}: ${tried.refused ?? 'done'}, ${tried.left} of ${tried.size} bytes left`);
    const { inFlight } = await program.next('collected');
    expect(inFlight).toBeGreaterThan(5); // still, with nobody who holds the pool
    await tcp.resume();
    const { report } = await program.next('closed');
    expect(report).toMatchObject({ outcome: 'drained', unfinished: 0 });
    expect(await program.exit()).toMatchObject({ code: 0, signal: null, stderr: '' });
    const { bytes, wrongBytes, eof } = await tcp.until(({ open }) => open === 0);
    expect({ wrongBytes, eof }).toEqual({ wrongBytes: 0, eof: 1 });
    expect(bytes).toBe((report.ids / 2) * (262_144 + 50_000));
  });
});
