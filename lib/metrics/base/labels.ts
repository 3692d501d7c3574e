import { invalidArgument } from '../../base/errors.js';
import { checkObject } from '../../base/validate.js';

/**
 * Checks and copies labels that a program gives to all of its values.
 * @param names what their names have to match; those that values have of their own must not
 * @param kind of these names, as text
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function checkLabels(
  name: string,
  labels: Readonly<Record<string, string>> | undefined,
  names: RegExp,
  kind: string,
): Record<string, string> {
  if (labels === undefined) return {};
  checkObject(name, labels);
  const copy = { ...labels };
  for (const [key, value] of Object.entries(copy)) {
    if (!names.test(key)) throw invalidArgument(`a name in ${name}`, kind, key);
    if (typeof value !== 'string') throw invalidArgument(`${name}.${key}`, 'a string', value);
  }
  return copy;
}

/** A name that is given as words, joined in another way. */
export function joined(name: string, by: string): string {
  return `zerosend.${name}`.replaceAll('.', by);
}
