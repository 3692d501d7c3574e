import type { DeviceDescription } from '../../addon/contract.js';
import { defineCommand, EXIT } from '../base/command.js';
import { text, UsageError } from '../base/options.js';
import type { Finding } from './finding.js';
import { judgeInterfaces } from './judge/interfaces.js';
import { judgeLimits } from './judge/limits.js';
import { judgeInet } from './judge/mechanisms.js';
import { judgeRings } from './judge/rings.js';
import type { Subject } from './judge/subject.js';
import { judgeSystem } from './judge/system.js';
import { coreWorks, judgeZeroCopy } from './judge/zero-copy.js';
import { printFindings } from './print.js';
import type { ProbeName } from './probes/list.js';
import { type Attempts, runProbes } from './probes/run.js';
import { readSystem } from './system/system.js';

/** The probes that are run on every machine. */
const ALWAYS: readonly ProbeName[] = [
  'tcp4-zerocopy',
  'udp4-zerocopy',
  'tcp6-zerocopy',
  'udp6-zerocopy',
  'udp-gso',
  'packet-ring',
  'af-xdp',
  'tcp-pacing',
  'timestamps',
  'transparent-huge-pages',
  'reserved-huge-pages',
  'interfaces',
];

/** The version of the JSON document. It is raised when a field is renamed or removed. */
const FORMAT = 1;

export const command = defineCommand({
  name: 'doctor',
  summary: 'try what works on this machine, and say what to type where something does not',
  about: `
Tries each mechanism of zerosend for a moment, and tells what this machine, this container and this
process are allowed. Each verdict comes from an attempt, not from a version. Nothing is changed, and
nothing is sent but over loopback.

With --interface it also opens a transmit ring and AF_XDP on that one, and sends nothing. AF_XDP is asked
for in zero-copy mode, too, for which some drivers start their queues anew: that can interrupt traffic
for a moment.`,
  options: {
    interface: text('look at this interface alone, and at the rings that it grants', {
      default: undefined,
      placeholder: 'NAME',
      short: 'i',
    }),
  },
  examples: [
    ['zerosend doctor', 'looks at everything'],
    ['zerosend doctor --json', 'the same for programs'],
    ['zerosend doctor --interface lo', 'what one interface grants'],
    ['unshare -Urn npx zerosend doctor', 'what an ordinary user may do in a network of his own'],
  ],
  exitCodes: {
    [EXIT.OK]: 'MSG_ZEROCOPY works on TCP and on UDP; the rest may or may not',
    [EXIT.FAILED]: 'the doctor itself is ill; please report it',
    [EXIT.UNAVAILABLE]: 'MSG_ZEROCOPY does not work, or could not be tried; the report says why',
  },
  async run({ options, json, terminal, signal }) {
    const system = readSystem();
    const progress = terminal.interactive && !json ? terminal.progress(json) : undefined;
    progress?.show(['Trying each mechanism …'], '');
    let attempts = await runProbes(ALWAYS, signal);
    const devices = devicesOf(attempts);
    const only = options.interface;
    progress?.clear();
    if (only !== undefined && devices && !devices.some(({ name }) => name === only)) {
      throw new UsageError(`there is no interface '${only}'; there are ${namesOf(devices)}`);
    }
    attempts = { ...attempts, ...(await runProbes(ofInterfaces(devices ?? [], only), signal)) };
    const subject: Subject = { system, attempts, devices };
    const findings = judgeAll(subject, only);
    const works = coreWorks(findings);
    if (json) terminal.printJson(document(findings, works, signal.aborted));
    else {
      printFindings(findings, terminal);
      terminal.print(signal.aborted ? INTERRUPTED : conclusion(findings, works));
      if (only === undefined) terminal.print(ABOUT_INTERFACES);
    }
    return works || signal.aborted ? EXIT.OK : EXIT.UNAVAILABLE;
  },
});

function judgeAll(subject: Subject, only: string | undefined): Finding[] {
  return [
    ...judgeSystem(subject),
    ...judgeZeroCopy(subject),
    ...judgeInet(subject),
    ...judgeRings(subject),
    ...judgeLimits(subject),
    ...judgeInterfaces(subject, only),
  ];
}

function devicesOf({ interfaces }: Attempts): readonly DeviceDescription[] | undefined {
  return interfaces?.data.devices as readonly DeviceDescription[] | undefined;
}

const namesOf = (devices: readonly DeviceDescription[]) =>
  devices.map(({ name }) => `'${name}'`).join(', ');

function ofInterfaces(
  devices: readonly DeviceDescription[],
  only: string | undefined,
): readonly ProbeName[] {
  const up = devices.filter((device) => device.up && (only ?? device.name) === device.name);
  return [
    ...up.map(({ name }): ProbeName => `udp-pacing:${name}`),
    ...(only === undefined ? [] : ([`packet:${only}`, `xdp:${only}`] as const)),
  ];
}

function document(findings: readonly Finding[], works: boolean, interrupted: boolean) {
  return {
    format: FORMAT,
    core: works,
    interrupted,
    findings: findings.map(({ id, group, title, verdict, summary, ...more }) => ({
      ...{ id, group, title, verdict, summary },
      means: more.means || null,
      error: more.error ?? null,
      remedies: more.remedies ?? [],
      data: more.data ?? {},
    })),
  };
}

const INTERRUPTED = 'Interrupted: what has no answer was not tried to its end.';

const ABOUT_INTERFACES =
  "'zerosend doctor --interface NAME' also asks one for a transmit ring and AF_XDP.";

function conclusion(findings: readonly Finding[], works: boolean): string {
  const count = (verdict: Finding['verdict']) =>
    findings.filter((finding) => finding.verdict === verdict).length;
  const rest = `${count('fails')} refused, ${count('limited')} limited, ${count('untried')} not tried`;
  const core = works
    ? 'MSG_ZEROCOPY works on TCP and UDP.'
    : 'MSG_ZEROCOPY was not seen to work on TCP and UDP; what is above says why.';
  return `${core}\nOf ${findings.length} findings: ${rest}.`;
}
