import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

/** The links of a document that are relative: the file, if it is not the same one, and the heading, if any. */
export const relativeLinks = (text: string) =>
  [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, file = '', heading]) => ({
    file,
    heading,
  }));

const filesBelow = (folder: string, ending: string) =>
  (readdirSync(`${root}${folder}`, { recursive: true }) as string[])
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
    .sort();

/** Made from the declarations, whose examples are run where they stand. */
const isMade = (path: string) => path.startsWith('docs/api/');

/** What people read: every document of the checkout. */
export const documents = readdirSync(root)
  .filter((name) => name.endsWith('.md'))
  .concat(filesBelow('docs', '.md'));

/** A block between fences, of a document or of a comment of the sources. */
export interface Block {
  file: string;
  line: number;
  /** What stands behind the opening fence; empty for drawings and output. */
  language: string;
  text: string;
  mark: Mark;
}

/**
 * What an HTML comment on the line before the fence says, which readers do not see:
 *
 *     <!-- file: worker.mjs -->           it is a part of the other blocks of the document, by this name
 *     <!-- exit 13: text of stderr -->    how the program ends, and what it says
 *     <!-- signal: SIGTERM -->            the program runs until it is sent this, after its first line
 */
export interface Mark {
  file?: string;
  exit?: number;
  stderr?: string;
  signal?: NodeJS.Signals;
}

function markOf(line: string, where: string): Mark {
  const said = /^<!-- (.*) -->$/.exec(line.trim())?.[1];
  if (said === undefined) return {};
  const [, file] = /^file: ([\w-]+\.m[jt]s)$/.exec(said) ?? [];
  if (file !== undefined) return { file };
  const [, signal] = /^signal: (SIG\w+)$/.exec(said) ?? [];
  if (signal !== undefined) return { signal: signal as NodeJS.Signals };
  const [, exit, stderr] = /^exit (\d+): (.+)$/.exec(said) ?? [];
  if (stderr !== undefined) return { exit: Number(exit), stderr };
  throw new Error(`${where}: no such mark: ${line}`);
}

/** The blocks of a text, whose fences may be indented or stand in a comment. */
export function blocksOf(file: string, text: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; language: string; prefix: string; mark: Mark; lines: string[] } | null =
    null;
  let before = '';
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^([ *]*)```(.*)$/.exec(line);
    const [, prefix = '', language = ''] = fence ?? [];
    if (open === null && fence) {
      const mark = markOf(before.replace(/^ *\* ?/, ''), `${file}:${index}`);
      open = { line: index + 1, language, prefix, mark, lines: [] };
    } else if (open !== null && fence) {
      const { lines, prefix: _, ...rest } = open;
      blocks.push({ file, ...rest, text: `${lines.join('\n')}\n` });
      open = null;
    } else if (open !== null) {
      open.lines.push(line.startsWith(open.prefix) ? line.slice(open.prefix.length) : '');
    }
    before = line;
  }
  if (open !== null) throw new Error(`${file}:${open.line}: the block has no end`);
  return blocks;
}

/** Every block of every document, and of the comments of the library. */
export const allBlocks: Block[] = documents
  .filter((path) => !isMade(path))
  .concat(filesBelow('lib', '.ts'))
  .flatMap((file) => blocksOf(file, read(file)));

/** The folder that has the programs of a document. */
export const folderOf = (file: string): string => file.replaceAll(/\W/g, '-');

/** Blocks that are programs, with the names of the files that they become. */
export const programs = allBlocks
  .filter(({ language }) => language === 'js' || language === 'ts')
  .map((block) => {
    const name = block.mark.file ?? `line-${block.line}.m${block.language}`;
    return { ...block, path: `${folderOf(block.file)}/${name}` };
  });

export type ProgramBlock = (typeof programs)[number];
