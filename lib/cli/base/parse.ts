import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Command } from './command.js';
import { flag, type OptionSpecs, type OptionValues, UsageError } from './options.js';
import { nearest } from './similar.js';

/** The options that every command has. */
export const COMMON = {
  json: flag('print one JSON document and nothing else (progress goes to stderr)'),
  help: flag('print this', 'h'),
} as const satisfies OptionSpecs;

export interface Parsed<S extends OptionSpecs> {
  readonly options: OptionValues<S>;
  readonly positionals: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
}

/** @throws UsageError */
export function parse<S extends OptionSpecs>(
  command: Command<S>,
  args: readonly string[],
): Parsed<S> {
  const specs: OptionSpecs = { ...command.options, ...COMMON };
  const { values, positionals } = split(command, specs, args);
  const options: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const given = values[name];
    options[name] = taken(name, spec, given);
  }
  const { json, help } = options as OptionValues<typeof COMMON>;
  return { options: options as OptionValues<S>, positionals, json, help };
}

function split(command: Command<OptionSpecs>, specs: OptionSpecs, args: readonly string[]) {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { placeholder, short, repeatable: multiple = false }] of Object.entries(
    specs,
  )) {
    const type = placeholder === undefined ? 'boolean' : 'string';
    options[name] = { type, multiple, ...(short === undefined ? {} : { short }) };
  }
  const allowPositionals = command.positionals !== undefined;
  try {
    return parseArgs({ args: withValues(specs, args), options, allowPositionals });
  } catch (error) {
    throw new UsageError(plainly(error as NodeJS.ErrnoException, Object.keys(options)));
  }
}

/** `--web` as `--web=0`, since parseArgs would take the next argument for its value. */
function withValues(specs: OptionSpecs, args: readonly string[]): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return args.map((arg, at) => {
    const name = at < end && arg.startsWith('--') ? arg.slice(2) : '';
    const bare = Object.hasOwn(specs, name) ? specs[name]?.bare : undefined;
    return bare === undefined ? arg : `${arg}=${bare}`;
  });
}

/**
 * The message of parseArgs in plain words; for an unknown option with the one that was probably
 * meant.
 */
function plainly({ code, message }: NodeJS.ErrnoException, names: readonly string[]): string {
  const [sentence = message] = message.split(/\. (?=To specify)|\n/);
  const given = /'--?([^']+)'/.exec(sentence)?.[1];
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || given === undefined) return sentence;
  const meant = nearest(given, names);
  return meant === undefined ? sentence : `${sentence}; did you mean '--${meant}'?`;
}

function taken(name: string, spec: OptionSpec, given: unknown): unknown {
  if (Array.isArray(given)) return given.flatMap((one) => read(name, spec, one));
  return typeof given === 'string' ? read(name, spec, given) : (given ?? spec.default);
}

function read(name: string, spec: OptionSpec, given: string): unknown {
  try {
    return spec.read?.(given);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`--${name} ${error.message}; received '${given}'`);
  }
}

type OptionSpec = OptionSpecs[string];
