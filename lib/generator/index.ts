export { type Capture, type CapturedFrame, type CaptureProblem, readCapture } from './capture.js';
export type { GeneratorError, GeneratorErrorCode } from './check.js';
export type * from './description.js';
export type * from './fields.js';
export { type GenerateReport, generate } from './generate.js';
export type { GenerateOptions } from './generate-options.js';
export type { Progress } from './meter.js';
export type { NotRewritten, NotRewrittenKind } from './not-rewritten.js';
export { Pacer, type PacerOptions, type PacerReport } from './pacer.js';
export type { Skipped } from './prepare.js';
export type { BitRate, PacketRate, Rate } from './rate.js';
export { type ReplayReport, replay } from './replay.js';
export type { ReplayOptions } from './replay-options.js';
export type { Rewrite } from './rewrite.js';
export { compile, type PacketSequence, type Share } from './sequence.js';
export { type Template, template } from './template.js';
export {
  generateInWorkers,
  type WorkerSocket,
  type WorkersOptions,
  type WorkersReport,
} from './workers.js';
