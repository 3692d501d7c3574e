export type { GeneratorError, GeneratorErrorCode } from './base/errors.js';
export { type Capture, readCapture } from './captures/capture.js';
export type { CapturedFrame, CaptureProblem } from './captures/captured-frame.js';
export type * from './fields/fields.js';
export { compile, type PacketSequence, type Share } from './fields/sequence.js';
export { Pacer, type PacerOptions, type PacerReport } from './pace/pacer.js';
export type { BitRate, PacketRate, Rate } from './pace/rate.js';
export type * from './packets/description.js';
export { type Template, template } from './packets/template.js';
export type { NotRewritten, NotRewrittenKind } from './replay/not-rewritten.js';
export { type ReplayReport, replay } from './replay/replay.js';
export type { ReplayOptions } from './replay/replay-options.js';
export type { Rewrite } from './replay/rewrite.js';
export type { Skipped } from './replay/sendable-frames.js';
export { type GenerateReport, generate } from './runs/generate.js';
export type { GenerateOptions } from './runs/generate-options.js';
export type { Progress } from './runs/meter.js';
export {
  generateInWorkers,
  type WorkerSocket,
  type WorkersOptions,
  type WorkersReport,
} from './workers/workers.js';
