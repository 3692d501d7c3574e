import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Command } from './command.js';
import { flag, type OptionSpecs, type OptionValues, UsageError } from './options.js';

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
    options[name] = typeof given === 'string' ? read(name, spec, given) : (given ?? spec.default);
  }
  const { json, help } = options as OptionValues<typeof COMMON>;
  return { options: options as OptionValues<S>, positionals, json, help };
}

function split(command: Command<OptionSpecs>, specs: OptionSpecs, args: readonly string[]) {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { placeholder, short }] of Object.entries(specs)) {
    const type = placeholder === undefined ? 'boolean' : 'string';
    options[name] = { type, ...(short === undefined ? {} : { short }) };
  }
  const allowPositionals = command.positionals !== undefined;
  try {
    return parseArgs({ args: [...args], options, allowPositionals });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
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
