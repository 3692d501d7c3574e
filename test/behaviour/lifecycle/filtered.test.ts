import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { hasTool, needs } from '../../support/requirements.js';
import { run } from '../../support/run.js';
import { compileUnder } from '../cli/doctor.js';

const program = fileURLToPath(new URL('programs/waits-idle.mjs', import.meta.url));
const EPERM = 1;

// Other architectures have no such call.
it(
  'an idle socket hears of its completions where epoll_wait, which Node.js does without, is denied',
  needs(process.arch === 'x64' && hasTool('cc'), 'x64, and cc'),
  async () => {
    const under = compileUnder();
    onTestFinished(() => under?.remove());
    const filter = [`${under?.path}`, `answer=${EPERM}:epoll_wait`, '--'];
    const { code, stdout } = await run([...filter, process.execPath, program], { timeout: 15_000 });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '{"type":"flushed","completed":256,"free":256}\n',
    });
  },
);
