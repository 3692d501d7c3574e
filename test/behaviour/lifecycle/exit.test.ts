import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

describe('the end of a process with ids outstanding', () => {
  it.each([
    ['exit', 3, ''],
    ['exit while busy', 3, ''],
    ['exit in a listener', 3, ''],
    ['throw', 1, 'Error: thrown on purpose'],
    ['throw while busy', 1, 'Error: thrown on purpose'],
    ['throw in a listener', 1, 'Error: thrown on purpose'],
    ['reject', 1, 'Error: rejected on purpose'],
    ['kill', null, ''],
  ])(
    'by %s: no crash, no hang, and what the kernel has goes out intact',
    async (how, code, text) => {
      const tcp = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 65_536 });
      const udp = await startPeer({ protocol: 'udp', discard: true });
      const url = new URL('./programs/exit.mjs', import.meta.url);
      const program = new Program(url, { how, tcp: tcp.port, udp: udp.port });
      expect((await program.next('outstanding')).inFlight).toBeGreaterThan(5);
      const exit = await program.exit();
      expect(exit).toMatchObject({ code, signal: code === null ? 'SIGKILL' : null });
      expect(exit.stderr).toContain(text);
      if (text === '') expect(exit.stderr).toBe('');
      if (code !== null) expect((await program.next('exit')).inFlight).toBeGreaterThan(5);

      await tcp.resume();
      const report = await tcp.until(({ open }) => open === 0);
      expect(report).toMatchObject({ accepted: 1, wrongBytes: 0 });
      expect(report.bytes).toBeGreaterThan(65_536);
    },
  );
});
