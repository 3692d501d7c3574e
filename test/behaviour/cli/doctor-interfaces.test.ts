// What zerosend doctor says of network interfaces, against what they do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownNamespace } from '../../../rig/index.mjs';
import { folderOfTest } from '../../support/folders.js';
import { canMakeNamespaces, hasTool, needs } from '../../support/requirements.js';
import { after, compileUnder, doctor, LO_UP } from './doctor.js';
import { pipe, zerosend } from './shell.js';

const { pid } = process;
const sink = `zs${pid}i`;
const near = `zs${pid}a`;
const far = `zs${pid}b`;
const SINK = [
  LO_UP,
  `link add ${sink} type ifb`,
  `link set ${sink} up`,
  `address add 198.18.7.1/24 dev ${sink}`,
];
/** Everything that is routed to the sink is dropped by its driver, without a copy. */
const BEHIND_SINK = '198.18.7.2';

let under: ReturnType<typeof compileUnder>;
beforeAll(() => {
  under = compileUnder();
});
afterAll(() => under?.remove());

const compiler = needs(canMakeNamespaces() && hasTool('cc'), 'making network namespaces, and cc');
const wanted = (...conditions: string[]) => [under?.path ?? '', ...conditions, '--'];

/** What the kernel says of a send through the sink, under the same conditions. */
async function truth(prefix: readonly string[]): Promise<string> {
  const program = fileURLToPath(new URL('programs/zero-copy-through.mjs', import.meta.url));
  const line = [...ownNamespace(SINK), ...prefix, process.execPath, program, BEHIND_SINK];
  const { stdout, stderr } = await pipe(line);
  expect(stderr).toBe('');
  return JSON.parse(stdout).udp;
}

describe('what has the kernel copy', compiler, () => {
  it.each([
    ['nothing', [], []],
    ['a tap', [`tap=${sink}`], ['tap']],
    ['no scatter-gather', [`sg-off=${sink}`], ['no-scatter-gather']],
    ['no checksums', [`checksums-off=${sink}`], ['no-checksums']],
  ] as const)('%s: what is said is what is seen', async (_, conditions, copies) => {
    const prefix = conditions.length === 0 ? [] : wanted(...conditions);
    const report = await doctor({ network: SINK, prefix });
    const found = report.of(`interface:${sink}`);
    expect(found.data.copies).toEqual(copies);
    expect(found.verdict).toBe(copies.length === 0 ? 'fact' : 'limited');
    expect(await truth(prefix)).toBe(copies.length === 0 ? 'zerocopy' : 'copied');
  });

  it('who listens is named, and one that listens elsewhere is nobody here', async () => {
    const network = [...SINK, `link add ${near} type ifb`, `link set ${near} up`];
    const report = await doctor({ network, prefix: wanted(`tap=${sink}`) });
    expect(report.of(`interface:${sink}`).means).toMatch(/\w+ \(process \d+\) listens here/);
    expect(report.of(`interface:${near}`).data.copies).toEqual([]);
  });

  it('a feature that is off is switched on by what it says to type', async () => {
    const report = await doctor({ network: SINK, prefix: wanted(`sg-off=${sink}`) });
    const typed = report.typed(`interface:${sink}`);
    expect(typed).toEqual([`ethtool -K ${sink} sg on`]);
    if (!hasTool('ethtool')) return;
    const mended = [...wanted(`sg-off=${sink}`), ...after(`${typed[0]} > /dev/null`)];
    const after_ = await doctor({ network: SINK, prefix: mended });
    expect(after_.of(`interface:${sink}`).data.copies).toEqual([]);
  });
});

const namespaces = needs(canMakeNamespaces(), 'making network namespaces');

describe('links', namespaces, () => {
  const PAIR = [LO_UP, `link add ${near} type veth peer name ${far}`];

  it('down, without carrier and up are told apart', async () => {
    const of = async (...lines: string[]) => {
      const report = await doctor({ network: [...PAIR, ...lines] });
      const { verdict, summary, data } = report.of(`interface:${near}`);
      return { verdict, link: summary.split(',')[0], up: data.up, carrier: data.carrier };
    };
    expect(await of()).toMatchObject({
      verdict: 'limited',
      link: 'down',
      up: false,
      carrier: false,
    });
    expect(await of(`link set ${near} up`)).toMatchObject({
      ...{ verdict: 'limited', link: 'up', up: true, carrier: false },
    });
    expect(await of(`link set ${near} up`, `link set ${far} up`)).toMatchObject({
      ...{ link: 'up', up: true, carrier: true },
    });
  });

  it('have MTU, queues, driver and queueing discipline as they are set', async () => {
    const network = [
      LO_UP,
      `link add ${near} numtxqueues 4 numrxqueues 4 type veth peer name ${far}`,
      `link set ${near} mtu 1234 up`,
      `link set ${far} up`,
    ];
    const report = await doctor({ network });
    expect(report.of(`interface:${near}`).data).toMatchObject({
      ...{
        kind: 'veth',
        driver: 'veth',
        mtu: 1234,
        queues: 4,
        operstate: 'up',
        xdpProgram: 'none',
      },
      offloads: { 'tx-scatter-gather': true },
      copies: ['veth'],
      udpPacing: false,
    });
  });

  it(
    'a rate of UDP needs fq, and what is there instead is said',
    needs(hasTool('tc'), 'the tool tc'),
    async () => {
      const tbf = after(`tc qdisc add dev ${sink} root tbf rate 1gbit burst 1mb latency 10ms`);
      const [plain, shaped] = [
        await doctor({ network: SINK }),
        await doctor({ network: SINK, prefix: tbf }),
      ];
      expect(plain.of(`interface:${sink}`).data).toMatchObject({ udpPacing: false });
      expect(plain.of(`interface:${sink}`).data.qdisc).not.toBe('tbf');
      expect(shaped.of(`interface:${sink}`).data).toMatchObject({
        ...{ udpPacing: false, qdisc: 'tbf', leafQdiscs: 'bfifo' },
      });
    },
  );
});

describe('--interface', namespaces, () => {
  const PAIR = [
    LO_UP,
    `link add ${near} type veth peer name ${far}`,
    `link set ${near} up`,
    `link set ${far} up`,
  ];

  it('asks for the rings of one, and leaves the others out', async () => {
    const report = await doctor({ network: PAIR, args: ['-i', near] });
    expect(report.code).toBe(0);
    expect(
      report.findings.filter(({ group }) => group === 'interfaces').map(({ id }) => id),
    ).toEqual([`interface:${near}`, `interface:${near}:packet-ring`, `interface:${near}:af-xdp`]);
    expect(report.of(`interface:${near}:packet-ring`)).toMatchObject({
      verdict: 'works',
      data: { maxSendLength: 1518 },
    });
    expect(report.of(`interface:${near}:af-xdp`)).toMatchObject({
      verdict: 'limited',
      error: { code: 'ENOTSUP', errno: 95, syscall: 'bind' },
      data: { queue: 0, copy: true, zerocopy: false },
    });
  });

  it('of loopback, too', async () => {
    const report = await doctor({ network: PAIR, args: ['--interface=lo'] });
    expect(report.of('interface:lo:packet-ring').verdict).toBe('works');
    expect(report.of('interface:lo:af-xdp').data).toMatchObject({ copy: true, zerocopy: false });
  });
});

describe('a look', namespaces, () => {
  it('sends nothing that leaves, and changes nothing', async () => {
    // Without addresses of IPv6 the kernel sends nothing of its own (neighbours, routers).
    const quiet = (name: string) => [`link set ${name} addrgenmode none`, `link set ${name} up`];
    const network = [
      ...[LO_UP, `link add ${sink} type ifb`, `link add ${near} type veth peer name ${far}`],
      ...[...quiet(sink), ...quiet(near), ...quiet(far), `address add 198.18.7.1/24 dev ${sink}`],
    ];
    const folder = folderOfTest();
    const [before, later] = [join(folder, 'before'), join(folder, 'later')];
    const state = (file: string) =>
      `(ip -d link && for one in ${sink} ${near} ${far}; do ip -s -j link show $one; done && ` +
      `cat /proc/sys/net/core/* && ip address) > ${file}`;
    const script = [
      state(before),
      `"$@" > /dev/null`,
      `"$@" --interface ${near} > /dev/null`,
      state(later),
    ].join(' && ');
    const line = [...ownNamespace(network), 'sh', '-c', script, 'sh', process.execPath, zerosend];
    expect(await pipe([...line, 'doctor'])).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(before, 'utf8')).toContain(sink);
    expect(readFileSync(later, 'utf8')).toBe(readFileSync(before, 'utf8'));
  });
});
