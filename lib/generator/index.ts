export type { GeneratorError, GeneratorErrorCode } from './check.js';
export type * from './description.js';
export type * from './fields.js';
export { compile, type PacketSequence, type Share } from './sequence.js';
export { type Template, template } from './template.js';
