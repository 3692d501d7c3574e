import { checkInteger } from '../../base/validate.js';
import { type FieldSpec, fieldsOf, type Layer, numberOf } from './protocol.js';
import { resized, workedOut } from './stack.js';

/** A field that says how long the packet is, or a part of it. */
export interface LengthOfLayer {
  name: string;
  /** from the first byte of the packet */
  at: number;
  spec: FieldSpec;
  /** what it holds in packets of each length */
  values: ReadonlyMap<number, number>;
}

/**
 * The fields that are not the same in packets of all these lengths: those of any protocol that are worked out from
 * its content.
 * @param lengths bytes from the first one of the buffer
 * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE` where a field cannot hold what the packet needs
 */
export function lengthsOfLayers(
  layers: readonly Layer[],
  lengths: ReadonlySet<number>,
): LengthOfLayer[] {
  const found = layers.flatMap((layer, place) =>
    Object.entries(fieldsOf(layer))
      .filter(([field, spec]) => isWorkedOut(layer, field, spec))
      .map(([field, spec]) => {
        const name = `${layer.label}.${field}`;
        return { place, name, at: layer.at + spec.at, spec, values: new Map<number, number>() };
      }),
  );
  for (const length of lengths) {
    const all = resized(layers, length);
    for (const { place, name, spec, values } of found) {
      const most = 2 ** (spec.bits ?? 8 * spec.width) - 1;
      const value = workedOut(all[place] as Layer, name, spec);
      const what = `${name} of a packet of ${length} bytes`;
      values.set(length, checkInteger(what, value, 0, most));
    }
  }
  return found.filter(({ values }) => new Set(values.values()).size > 1);
}

/** Whether what it holds comes of a function, which sees the content of the layer. */
function isWorkedOut(layer: Layer, field: string, spec: FieldSpec): boolean {
  if (layer.values[field] !== undefined || spec.checksum || spec.address) return false;
  if (typeof spec.default !== 'function') return false;
  return spec.next === undefined || !layer.above || numberOf(layer.above, spec.next) === null;
}
