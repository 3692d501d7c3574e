import type { WriteStream } from 'node:tty';
import picocolors from 'picocolors';

type Output = Pick<WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;

/** Of a terminal that does not tell its size; some tell 0. */
const COLUMNS = 100;
const ROWS = 24;

/** A block of lines that is drawn over and over while a command runs. */
export interface Progress {
  /** `lines` are drawn in place on a terminal; elsewhere `line` is written, once a second at most. */
  show(lines: readonly string[], line: string): void;
  /** Takes the block away from a terminal: what comes next starts where it began. */
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

  /** One whose results go where its remarks go, for a command whose standard output is data. */
  onStandardError(): Terminal {
    return new Terminal(this.err, this.err);
  }

  /** Whether a person reads what is printed, who may be shown lines that change. */
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

  /** @param json progress must not get between what is printed */
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
    // A line that wrapped would be two when the block is taken away, and what has scrolled out of sight
    // cannot be taken away.
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

/** The first `width` characters that are seen: colours take no room, and are ended. */
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
