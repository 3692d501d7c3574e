import { describe, expect, it } from 'vitest';
import { Terminal } from '../../../../lib/cli/base/terminal.js';
import type { Finding, Verdict } from '../../../../lib/cli/doctor/finding.js';
import { printFindings } from '../../../../lib/cli/doctor/print.js';

function printed(findings: readonly Finding[], columns = 100): string[] {
  const out: string[] = [];
  const terminal = new Terminal({ write: (part: string) => out.push(part) > 0, columns });
  printFindings(findings, terminal);
  return out.join('').split('\n');
}

function finding(about: Partial<Finding> = {}): Finding {
  const one = {
    id: 'one',
    group: 'limits',
    title: 'one',
    verdict: 'works',
    summary: 'as it is',
  } as const;
  return { ...one, ...about };
}

describe('findings for people', () => {
  it('have a mark for each verdict, and stand in groups in one order', () => {
    const verdicts: Verdict[] = ['works', 'limited', 'fails', 'untried', 'fact'];
    const lines = printed([
      finding({ group: 'interfaces', title: 'eth0' }),
      ...verdicts.map((verdict) => finding({ verdict, title: verdict })),
    ]);
    expect(lines).toEqual([
      'Limits',
      '  ✔ works    as it is',
      '  ! limited  as it is',
      '  ✘ fails    as it is',
      '  ? untried  as it is',
      '  · fact     as it is',
      '',
      'Interfaces',
      '  ✔ eth0  as it is',
      '',
      '',
    ]);
  });

  it('are explained unless they work, what is the same once', () => {
    const why = { means: 'Because.', remedies: [{ type: 'mend it', what: 'mends it' }] };
    const lines = printed([
      finding({ ...why }),
      finding({ ...why, verdict: 'fails' }),
      finding({ ...why, verdict: 'fails' }),
      finding({ verdict: 'fails', means: 'For another reason.' }),
    ]);
    expect(lines.slice(1, -2)).toEqual([
      '  ✔ one  as it is',
      '  ✘ one  as it is',
      '      Because.',
      '      $ mend it',
      '          mends it',
      '  ✘ one  as it is',
      '      as above',
      '  ✘ one  as it is',
      '      For another reason.',
    ]);
  });

  it('fit the terminal, and what has to be typed is in one piece', () => {
    const type = `sudo ${'very '.repeat(12)}long`;
    const lines = printed(
      [
        finding({
          ...{ verdict: 'fails', summary: 'word '.repeat(40), means: 'word '.repeat(40) },
          remedies: [{ type, what: 'word '.repeat(40) }],
        }),
      ],
      60,
    );
    expect(lines).toContain(`      $ ${type}`);
    expect(lines.filter((line) => line.length > 60)).toEqual([`      $ ${type}`]);
  });

  it('of very many interfaces the first are shown', () => {
    const many = Array.from({ length: 1000 }, (_, i) =>
      finding({ group: 'interfaces', title: `veth${i}` }),
    );
    const lines = printed(many);
    expect(lines).toHaveLength(24);
    expect(lines.at(-3)).toBe('  and 980 more, which --json lists');
  });
});
