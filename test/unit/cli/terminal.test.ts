import { afterEach, describe, expect, it, vi } from 'vitest';
import { Terminal } from '../../../lib/cli/base/terminal.js';

/** Takes what is written, and says of itself what it is told to. */
function output(about: { isTTY?: boolean; columns?: number; rows?: number } = {}) {
  const written: string[] = [];
  const write = (part: string) => written.push(part) > 0;
  return { written, text: () => written.join(''), ...about, write } as {
    written: string[];
    text(): string;
    write: (part: string) => boolean;
  };
}

const tty = (columns = 40, rows = 24) => output({ isTTY: true, columns, rows });

/** What a terminal shows in the end, of text and of "up by N lines, erase from this column on". */
function shown(text: string): string[] {
  let lines = [''];
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals are told by
  for (const [part] of text.matchAll(/\r|\x1b\[\d+A\x1b\[0J|\n|[^\r\n\x1b]+|\x1b\[\d+m/g)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the same
    const up = /^\x1b\[(\d+)A/.exec(part)?.[1];
    const at = lines.length - 1 - Number(up);
    if (up !== undefined) lines = [...lines.slice(0, at), (lines[at] ?? '').slice(0, column)];
    else if (part === '\n') lines.push('');
    else if (part === '\r') column = 0;
    else if (!part.startsWith('\x1b')) lines[lines.length - 1] += part;
    if (part === '\n') column = 0;
    else if (!part.startsWith('\x1b')) column += part.trimEnd().length;
  }
  return lines.slice(0, -1);
}

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('progress on a terminal', () => {
  it('is drawn in place: the last lines are all that is seen', () => {
    const out = tty();
    const terminal = new Terminal(out, output());
    const progress = terminal.progress(false);
    terminal.print('before');
    progress.show(['one', 'two'], 'one line');
    progress.show(['three', 'four', 'five'], 'one line');
    expect(shown(out.text())).toEqual(['before', 'three', 'four', 'five']);
    progress.clear();
    terminal.print('after');
    expect(shown(out.text())).toEqual(['before', 'after']);
  });

  it('leaves nothing behind where somebody has typed', () => {
    const out = tty();
    const progress = new Terminal(out, output()).progress(false);
    progress.show(['one', 'two'], '');
    out.write('^C'); // as the terminal echoes it
    progress.clear();
    out.write('after\n');
    expect(shown(out.text())).toEqual(['after']);
  });

  it('never wraps, and is never higher than the terminal', () => {
    const out = tty(10, 4);
    const terminal = new Terminal(out, output());
    terminal.progress(false).show(['0123456789abc', 'b', 'c', 'd', 'e'], '');
    expect(shown(out.text())).toEqual(['012345678', 'b', 'c']);
  });

  it('takes colours for nothing, and ends them where it cuts', () => {
    const out = tty(5);
    new Terminal(out, output()).progress(false).show(['\x1b[31mabcdefg\x1b[39m', 'ab'], '');
    expect(out.text()).toBe('\x1b[31mabcd\x1b[0m\nab\n');
  });

  it('works on one that tells no size, or 0', () => {
    for (const size of [{}, { columns: 0, rows: 0 }]) {
      const out = output({ isTTY: true, ...size });
      const terminal = new Terminal(out, output());
      terminal.progress(false).show(['a line'], '');
      expect(shown(out.text())).toEqual(['a line']);
      expect(terminal.columns).toBe(100);
    }
  });
});

describe('progress elsewhere', () => {
  it('is a line a second', () => {
    let now = 5000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const out = output();
    const progress = new Terminal(out, output()).progress(false);
    for (let i = 0; i < 21; i++, now += 100) progress.show(['not this'], `at ${now}`);
    progress.clear();
    expect(out.text()).toBe('at 5000\nat 6000\nat 7000\n');
  });

  it('goes to standard error with --json, in place if that is a terminal', () => {
    const out = output();
    const err = tty();
    const terminal = new Terminal(out, err);
    terminal.progress(true).show(['in place'], 'a line');
    terminal.printJson({ a: 1 });
    expect(shown(err.text())).toEqual(['in place']);
    expect(JSON.parse(out.text())).toEqual({ a: 1 });
  });
});

describe('results and remarks', () => {
  it('go to standard output and standard error', () => {
    const [out, err] = [output(), output()];
    const terminal = new Terminal(out, err);
    terminal.print('result');
    terminal.print();
    terminal.note('remark');
    expect([out.text(), err.text()]).toEqual(['result\n\n', 'remark\n']);
    expect(terminal.interactive).toBe(false);
    expect(new Terminal(tty(), err).interactive).toBe(true);
  });
});

describe('colours', () => {
  const coloured = (out: ReturnType<typeof output>) =>
    new Terminal(out, output()).colour.red('x') !== 'x';

  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
  ])('%j, on a terminal: %s', (env, onTerminal, expected) => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR']) vi.stubEnv(name, '');
    vi.stubEnv('TERM', 'xterm');
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(coloured(onTerminal ? tty() : output())).toBe(expected);
  });
});
