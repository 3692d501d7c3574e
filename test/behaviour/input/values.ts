/** A value of the wrong kind, and how a message has to show it. */
export interface Wrong {
  value: unknown;
  shown: string;
}

const of = (value: unknown, shown: string): Wrong => ({ value, shown });

const ABSENT = of(undefined, 'undefined');
const TEXT = of('seven', "'seven'");
const FUNCTION = of(function named() {}, 'function named');
const LIST = of([1, 2], '[ 1, 2 ]');
const RECORD = of({ length: 5 }, '{ length: 5 }');

/** What nothing takes. */
const NEVER: readonly Wrong[] = [
  of(null, 'null'),
  of(true, 'true'),
  of(5n, '5n'),
  of(Symbol('here'), 'Symbol(here)'),
];

export const NOT_A_NUMBER_TYPE = [...NEVER, TEXT, of('9', "'9'"), FUNCTION, LIST, RECORD];
export const NOT_AN_OBJECT = [...NEVER, TEXT, of(7, '7'), FUNCTION, LIST];
export const NOT_A_NAME = [
  ...NEVER,
  of('', "''"),
  of('a\0b', "'a\\x00b'"),
  of(7, '7'),
  LIST,
  RECORD,
];
export const NOT_A_FUNCTION = [...NEVER, TEXT, of(7, '7'), LIST, RECORD];
export const NOT_A_BOOLEAN = [
  ...NEVER.filter(({ value }) => value !== true),
  TEXT,
  of(1, '1'),
  LIST,
];
export const NOT_A_SIGNAL = [...NEVER, TEXT, of({ aborted: false }, '{ aborted: false }')];
export const NOT_A_CHOICE = [...NEVER, TEXT, of(0, '0'), of(['none'], "[ 'none' ]"), RECORD];

/** Numbers that are no whole numbers from `min` to `max`. */
export function outside(min: number, max: number): Wrong[] {
  const numbers = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    min + 0.5,
    min - 1,
    max + 1,
    -(2 ** 31),
    Number.MAX_SAFE_INTEGER,
    1e300,
  ];
  return numbers.map((value) => of(value, `number ${value}`));
}

const FLOATS = new Float32Array(4);
Object.setPrototypeOf(FLOATS, Uint8Array.prototype);

/** What is no buffer, though some of it would like to be one. */
export const NOT_A_BUFFER = [
  ...NEVER,
  ABSENT,
  TEXT,
  of(7, '7'),
  FUNCTION,
  of([1, 2, 3], '[ 1, 2, 3 ]'),
  of({ bytes: Buffer.alloc(9), index: 0, length: 9 }, 'index: 0'),
  of(new ArrayBuffer(9), 'ArrayBuffer'),
  of(new SharedArrayBuffer(9), 'SharedArrayBuffer'),
  of(new DataView(new ArrayBuffer(9)), 'DataView'),
  of(new Uint8ClampedArray(9), 'Uint8ClampedArray(9)'),
  of(new Int8Array(9), 'Int8Array(9)'),
  of(new Uint16Array(9), 'Uint16Array(9)'),
  of(new Float64Array(9), 'Float64Array(9)'),
  of(new BigUint64Array(9), 'BigUint64Array(9)'),
  of(Object.create(Uint8Array.prototype), 'Uint8Array {}'),
  of(FLOATS, 'Float32Array'),
  of(new Proxy(new Uint8Array(9), {}), 'Uint8Array'),
];

type Growing = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & {
  resize(length: number): void;
};

// Node.js 20 has these, the type library for it has not.
export const ResizableBuffer = ArrayBuffer as unknown as Growing;
export const GrowableBuffer = SharedArrayBuffer as unknown as Growing;
