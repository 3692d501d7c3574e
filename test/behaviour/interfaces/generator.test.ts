import { describe, expect, it } from 'vitest';
import { PacketSocket, UdpSocket, XdpSocket } from 'zerosend';
import {
  type GenerateReport,
  type GeneratorError,
  generate,
  generateInWorkers,
  type WorkersReport,
} from 'zerosend/generator';
import { tracked } from '../../support/endpoints.js';
import { addPair, ip, ownLinks } from '../../support/links.js';
import { byThread } from '../../support/submit.js';

const ETHERNET = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02', type: 0x88b5 };

/** Sends 500 packets over a pair of interfaces, to which the deeds happen meanwhile, one after the other. */
async function run(kind: string, deeds: string[]) {
  const { name } = addPair();
  ip(`addr add 198.18.0.1/24 dev ${name}`);
  ip(`neigh add 198.18.0.2 lladdr ${ETHERNET.destination} nud permanent dev ${name}`);
  const todo = deeds.map((deed) => deed.replace('LINK', name));
  const onProgress = () => void (todo.length > 0 && ip(todo.shift() as string));
  const common = { count: 500, rate: 1000, progressInterval: 100, onProgress };
  const remote = { address: '198.18.0.2', port: 9 };
  const payload = { ...common, template: { payload: 'x' } };
  const frame = { ...common, template: { ethernet: ETHERNET, length: 60 } };
  const link = { interface: name };
  const runs: Record<string, () => Promise<unknown>> = {
    udp: async () => generate({ socket: tracked(await UdpSocket.open({ remote })), ...payload }),
    packet: async () => generate({ socket: tracked(await PacketSocket.open(link)), ...frame }),
    xdp: async () => generate({ socket: tracked(await XdpSocket.open(link)), ...frame }),
    workers: () => generateInWorkers({ socket: { udp: { remote } }, workers: 2, ...payload }),
  };
  return { name, running: runs[kind]?.() };
}

async function failureOf(kind: string, deed: string) {
  const { name, running } = await run(kind, [deed]);
  const error: GeneratorError = await (running as Promise<never>).catch((reason) => reason);
  return { name, error };
}

// docs/submission-thread.md, "what the kernel refuses": such sends fail, and the generator goes on.
const UDP: [string, string, string, string][] = (
  [
    ['udp', 'link set LINK down', 'ENETUNREACH', '198.18.0.2 port 9'],
    ['udp', 'link del LINK', 'ENETUNREACH', '198.18.0.2 port 9'],
  ] as [string, string, string, string][]
).filter(() => !byThread);

describe('generate, when its link goes', ownLinks(), () => {
  it.each(['packet', 'xdp'])('goes on through a %s socket once it is back', async (kind) => {
    const { running } = await run(kind, ['link set LINK down', 'link set LINK up']);
    const all = { ended: 'count', packets: 500, sends: 500, unfinished: 0 };
    expect(await running).toMatchObject(all);
  });

  it.each([
    ...UDP,
    ['packet', 'link del LINK', 'ENXIO', 'LINK'],
    ['xdp', 'link del LINK', 'ENXIO', 'LINK'],
  ])('has its report when it ends (%s, %s)', async (kind, deed, code, about) => {
    const { name, error } = await failureOf(kind, deed);
    const message = expect.stringContaining(about.replace('LINK', name));
    expect(error).toMatchObject({ code, message, report: { ended: 'error' } });
    const report = error.report as GenerateReport;
    expect(report.packets).toBeGreaterThan(0);
    expect(report.packets).toBeLessThan(500);
    expect(report.pacing).toMatchObject({ asked: 1000 });
  });
});

describe('generateInWorkers, when its link goes', ownLinks(), () => {
  it('has the report of all workers', async () => {
    const { error } = await failureOf('workers', 'link del LINK');
    const message = expect.stringMatching(/^worker [01]: .*198\.18\.0\.2 port 9/);
    expect(error).toMatchObject({ code: 'ENETUNREACH', message, report: { ended: 'error' } });
    const { packets, workers } = error.report as WorkersReport;
    expect(workers).toHaveLength(2);
    for (const worker of workers) expect(worker.packets).toBeGreaterThan(0);
    expect(packets).toBe(workers.reduce((sum, worker) => sum + worker.packets, 0));
  });
});
