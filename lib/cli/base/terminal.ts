import type { WriteStream } from 'node:tty';
import picocolors from 'picocolors';

type Output = Pick<WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;

/** The size that is assumed for a terminal that does not report its own, or reports 0. */
const COLUMNS = 100;
const ROWS = 24;

/** A block of lines that is redrawn while a command runs. */
export interface Progress {
  /** `lines` are drawn in place on a terminal; elsewhere `line` is written, once a second at most. */
  show(lines: readonly string[], line: string): void;
  /** Removes the block from a terminal. What is printed next begins in its place. */
  clear(): void;
}

/** Where a command writes: results to standard output, everything else to standard error. */
export class Terminal {
  readonly colour: ReturnType<typeof picocolors.createColors>;

  constructor(
    private readonly out: Output = process.stdout,
    private readonly err: Output = process.stderr,
  ) {
    const { FORCE_COLOR: forced, NO_COLOR: unwanted, TERM: kind } = process.env;
    const wanted = this.out.isTTY === true && !unwanted && kind !== 'dumb';
    this.colour = picocolors.createColors(forced ? forced !== '0' : wanted);
  }

  /**
   * A terminal that writes results to standard error as well, for a command whose standard output
   * is data.
   */
  onStandardError(): Terminal {
    return new Terminal(this.err, this.err);
  }

  /** Whether output goes to a terminal, where lines can be redrawn. */
  get interactive(): boolean {
    return this.out.isTTY === true;
  }

  get columns(): number {
    return this.out.columns || COLUMNS;
  }

  /** A line of the result. */
  print(line = ''): void {
    this.out.write(`${line}\n`);
  }

  /** The whole result as JSON. */
  printJson(value: unknown): void {
    this.out.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** A remark that is not part of the result. */
  note(line: string): void {
    this.err.write(`${line}\n`);
  }

  /** @param json with `--json`, progress must not get between what is printed */
  progress(json: boolean): Progress {
    const stream = json ? this.err : this.out;
    return stream.isTTY === true ? new LiveBlock(stream) : new LineASecond(stream);
  }
}

class LiveBlock implements Progress {
  private drawn = 0;

  constructor(private readonly stream: Output) {}

  show(lines: readonly string[]): void {
    this.clear();
    const width = (this.stream.columns || COLUMNS) - 1;
    // Lines are cut, since a wrapped line would count as two when the block is removed. The number
    // of lines is limited, since lines that have scrolled off the screen cannot be removed.
    const shown = lines.slice(0, (this.stream.rows || ROWS) - 1);
    this.stream.write(shown.map((line) => `${cut(line, width)}\n`).join(''));
    this.drawn = shown.length;
  }

  clear(): void {
    // From the first column: what was typed meanwhile (^C, say) has moved the cursor.
    if (this.drawn > 0) this.stream.write(`\r\x1b[${this.drawn}A\x1b[0J`);
    this.drawn = 0;
  }
}

class LineASecond implements Progress {
  private next = 0;

  constructor(private readonly stream: Output) {}

  show(_lines: readonly string[], line: string): void {
    const now = performance.now();
    if (now < this.next) return;
    this.next = now + 990; // a timer of a second may be a little early
    this.stream.write(`${line}\n`);
  }

  clear(): void {}
}

/**
 * The first `width` visible characters of a line. Escape sequences of colours do not count, and
 * colours are reset at the end.
 */
function cut(line: string, width: number): string {
  let seen = 0;
  let end = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of colours
  for (const part of line.matchAll(/\x1b\[[\d;]*m|[\s\S]/gu)) {
    if (!part[0].startsWith('\x1b[') && ++seen > width) return `${line.slice(0, end)}\x1b[0m`;
    end = part.index + part[0].length;
  }
  return line;
}
