import { beforeEach, expect, it, vi } from 'vitest';
import type { Attempt } from '../../../../lib/cli/doctor/probes/attempt.js';
import { type Answer, tryAll } from '../../../../lib/cli/doctor/probes/try-all.js';

const probes = vi.hoisted(() => ({ tryProbe: vi.fn<(name: string) => Promise<unknown>>() }));
vi.mock('../../../../lib/cli/doctor/probes/list.js', () => probes);

beforeEach(() => void probes.tryProbe.mockReset());

async function answers(...names: Parameters<typeof tryAll>[0]): Promise<Record<string, Attempt>> {
  const told: Record<string, Attempt> = {};
  await tryAll(names, ({ name, attempt }: Answer) => {
    told[name] = attempt;
  });
  return told;
}

const works = { data: { how: 'copied', noBuffers: 0 } };

it('what ran short of locked memory beside others is tried once more, alone', async () => {
  let running = 0;
  probes.tryProbe.mockImplementation(async (name) => {
    const alone = running++ === 0;
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (alone) return works;
    return name === 'af-xdp'
      ? { error: { code: 'ENOBUFS', message: '' }, data: {} }
      : { data: { how: 'inline', noBuffers: 1 } };
  });
  const told = await answers('tcp4-zerocopy', 'udp4-zerocopy', 'af-xdp');
  expect(told).toEqual({ 'tcp4-zerocopy': works, 'udp4-zerocopy': works, 'af-xdp': works });
  expect(probes.tryProbe).toHaveBeenCalledTimes(5);
});

it('what runs short alone as well has run short', async () => {
  const short = { data: { how: 'inline', noBuffers: 1 } };
  probes.tryProbe.mockResolvedValue(short);
  expect(await answers('tcp4-zerocopy')).toEqual({ 'tcp4-zerocopy': short });
});

it('what is answered otherwise is tried once', async () => {
  probes.tryProbe.mockResolvedValue({ error: { code: 'EPERM', message: '' }, data: {} });
  await answers('af-xdp', 'packet-ring');
  expect(probes.tryProbe).toHaveBeenCalledTimes(2);
});
