export type { GeneratorError, GeneratorErrorCode } from './check.js';
export type * from './description.js';
export type * from './fields.js';
export { Pacer, type PacerOptions, type PacerReport } from './pacer.js';
export type { BitRate, PacketRate, Rate } from './rate.js';
export { compile, type PacketSequence, type Share } from './sequence.js';
export { type Template, template } from './template.js';
