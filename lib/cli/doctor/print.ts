import { wrap } from '../base/help.js';
import type { Terminal } from '../base/terminal.js';
import { type Finding, GROUPS, type Group, type Verdict } from './finding.js';

const MARKS: Readonly<Record<Verdict, string>> = {
  works: '✔',
  limited: '!',
  fails: '✘',
  untried: '?',
  fact: '·',
};

const HEADINGS: Readonly<Record<Group, string>> = {
  system: 'System',
  mechanisms: 'Mechanisms, each tried over loopback',
  limits: 'Limits',
  interfaces: 'Interfaces',
};

/**
 * The most findings that are printed of one group: a machine with many containers has many
 * interfaces.
 */
const MOST = 20;

/** The findings as a list for people, by groups. */
export function printFindings(findings: readonly Finding[], terminal: Terminal): void {
  const { colour } = terminal;
  const width = Math.max(40, Math.min(100, terminal.columns - 1));
  for (const group of GROUPS) {
    const own = findings.filter((finding) => finding.group === group);
    if (own.length === 0) continue;
    terminal.print(colour.bold(HEADINGS[group]));
    const column = Math.min(28, Math.max(...own.map(({ title }) => title.length)));
    let before = '';
    for (const finding of own.slice(0, MOST)) {
      printSummary(finding, column, width, terminal);
      if (finding.verdict === 'works') continue;
      // An explanation that several findings share is printed once.
      const explanation = explain(finding, width, terminal).join('\n');
      if (explanation !== '')
        terminal.print(explanation === before ? colour.dim(AS_ABOVE) : explanation);
      before = explanation;
    }
    const more = own.length - MOST;
    if (more > 0) terminal.print(`  and ${more} more, which --json lists`);
    terminal.print();
  }
}

const AS_ABOVE = '      as above';

function printSummary(finding: Finding, column: number, width: number, terminal: Terminal): void {
  const { colour } = terminal;
  const paint = {
    works: colour.green,
    limited: colour.yellow,
    fails: colour.red,
    untried: colour.yellow,
    fact: colour.dim,
  }[finding.verdict];
  const indent = column + 6;
  const [first = '', ...more] = wrap(finding.summary, width - indent);
  const title = finding.title.padEnd(column);
  const mark = paint(MARKS[finding.verdict]);
  const long = finding.title.length > column;
  terminal.print(`  ${mark} ${title}${long ? `\n${' '.repeat(indent)}` : '  '}${first}`);
  for (const line of more) terminal.print(`${' '.repeat(indent)}${line}`);
}

function explain(
  { means = '', remedies = [] }: Finding,
  width: number,
  { colour }: Terminal,
): string[] {
  return [
    ...wrap(means, width - 6).map((line) => `      ${colour.dim(line)}`),
    ...remedies.flatMap(({ type, what }) => [
      `      ${colour.cyan(`$ ${type}`)}`,
      ...wrap(what, width - 10).map((line) => `          ${colour.dim(line)}`),
    ]),
  ];
}
