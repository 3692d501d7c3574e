// What takes its turns in `zerosend bench`: when a TCP sender is done, and programs of somebody else.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openProgram } from '../../../dist/cli/bench/program-sender.js';
import {
  isAcknowledged,
  isPortAcknowledged,
  untilAcknowledged,
} from '../../../dist/cli/bench/tcp-queue.js';
import { until, within } from '../../support/deadline.js';
import { connectAndMeet, startPeer } from '../../support/endpoints.js';
import { folderOfTest } from '../../support/folders.js';

const COUNTS = { sends: 1, bytes: 1, zerocopied: 0, fallbacks: 0, failed: 0 };

describe('a TCP sender of zerosend bench', () => {
  it.each(['of the library', 'of Node.js'])(
    '%s is done when all is acknowledged',
    async (whose) => {
      const peer = await startPeer({ protocol: 'tcp', family: 4, rcvbuf: 65_536 });
      const socket = await connectAndMeet(peer, { zeroCopy: 'never' });
      const port = socket.info().local?.port ?? 0;
      await peer.pause();
      const bytes = 2 ** 20;
      const send = async () => void socket.send(new Uint8Array(bytes));
      const allIs = () =>
        whose === 'of the library' ? isAcknowledged(socket) : isPortAcknowledged(port);
      const sender = { send, counts: () => COUNTS, close: async () => {} };
      let done = false;
      const sent = untilAcknowledged(sender, allIs)
        .send(0)
        .then(() => {
          done = true;
        });
      await until(() => (socket.info().tcp?.notSentBytes ?? 0) > 0, 'the window closes');
      expect(allIs()).toBe(false);
      expect(done).toBe(false);
      await peer.resume();
      await within(sent, 'all is acknowledged', 30_000);
      expect(socket.info().tcp).toMatchObject({ acknowledgedBytes: bytes, notSentBytes: 0 });
      await socket.close();
    },
  );

  it('does not wait for a connection that is gone', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4 });
    const socket = await connectAndMeet(peer);
    const port = socket.info().local?.port ?? 0;
    await socket.close();
    expect([isAcknowledged(socket), isPortAcknowledged(port)]).toEqual([true, true]);
  });
});

describe('a program that takes part', () => {
  const where = { protocol: 'udp', address: '198.18.0.2', port: 9, size: 64 } as const;
  const particulars = { ...where, buffers: 16, segment: 1400 };
  const program = (text: string) => {
    const folder = folderOfTest();
    const file = join(folder, 'program');
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return file;
  };

  it('is told what its command line asks for, and says what it has done', async () => {
    const file = program(`[ "$*" = "udp 198.18.0.2:9 64 16 1400 {other}" ] || exit 1
      echo ready
      while read ms; do
        echo '{"seconds":'$ms',"userSeconds":1,"systemSeconds":2,"sends":5,"bytes":320,"completed":4,"zerocopied":3}'
      done`);
    const args = ['{protocol}', '{address}:{port}', '{size}', '{buffers}', '{segment}', '{other}'];
    const contestant = await openProgram([file, ...args], particulars);
    expect(await contestant.run(0.25)).toEqual({
      ...{ seconds: 250, cpuSeconds: 3, sends: 5, bytes: 320 },
      ...{ zerocopied: 3, fallbacks: 0, failed: 1 },
    });
    await contestant.close();
  });

  it.each([
    ['ends', 'exit 1', 'has ended'],
    ['refuses', 'echo refused: no ring', 'refused: no ring'],
  ])('that %s at once says so', async (_, text, message) => {
    await expect(openProgram([program(text)], particulars)).rejects.toThrow(message);
  });

  it('that is not there is no more than an error', async () => {
    await expect(openProgram(['/nowhere/sender'], particulars)).rejects.toThrow('has ended');
  });
});
