import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';

/** Access to the files in which the system describes itself. Tests pass other ones. */
export interface Files {
  /** The text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
  /** The error code with which reading fails; undefined where it succeeds. */
  refusal(path: string): string | undefined;
  exists(path: string): boolean;
  /** Whether this process may write to a file. */
  writable(path: string): boolean;
  /** The permission bits of a file; undefined where it cannot be seen. */
  mode(path: string): number | undefined;
  list(path: string): readonly string[];
  link(path: string): string | undefined;
}

export const FILES: Files = {
  read: (path) => attempt(() => readFileSync(path, 'utf8')),
  refusal(path) {
    try {
      readFileSync(path);
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'an error';
    }
  },
  exists: existsSync,
  writable: (path) => attempt(() => accessSync(path, constants.W_OK) ?? true) === true,
  mode: (path) => attempt(() => statSync(path).mode & 0o777),
  list: (path) => attempt(() => readdirSync(path)) ?? [],
  link: (path) => attempt(() => readlinkSync(path)),
};

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A file with one number. */
export function readNumber(files: Files, path: string): number | undefined {
  const value = Number.parseInt(files.read(path) ?? '', 10);
  return Number.isNaN(value) ? undefined : value;
}
