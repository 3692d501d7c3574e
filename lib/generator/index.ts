/*
 * The door 'zerosend/generator'. Its rooms, each of which imports only from those before it, from
 * lib/base and from the door 'zerosend':
 *
 *   base      errors, checks, sleeping, work in steps
 *   packets   the layers and checksums of one packet, made from a description or found in a capture
 *   fields    what changes from packet to packet
 *   captures  pcap and pcapng files, read and written
 *   pace      when packets are due
 *   runs      generate(), and what any run does from its start to its report
 *   streams   generateStreams(): many streams on one socket
 *   writing   writeCapture(): packets into a file in place of a socket
 *   workers   generateInWorkers()
 *   replay    replay(): frames of a capture, rewritten, at their times
 */
export type { GeneratorError, GeneratorErrorCode } from './base/errors.js';
export type { Precision } from './base/sleeper.js';
export { type Capture, readCapture } from './captures/capture.js';
export type { CaptureFormat } from './captures/capture-format.js';
export { type CaptureReader, openCapture } from './captures/capture-reader.js';
export type { CapturedFrame, CaptureProblem } from './captures/captured-frame.js';
export type { CaptureSource } from './captures/chunks.js';
export type * from './fields/fields.js';
export { compile, type PacketSequence, type Share } from './fields/sequence.js';
export { PayloadSequence, withPayload } from './fields/with-payload.js';
export type { ChangingRate, RatePiece } from './pace/course.js';
export { Pacer, type PacerOptions, type PacerReport } from './pace/pacer.js';
export type { BitRate, PacketRate, Rate } from './pace/rate.js';
export type * from './packets/description.js';
export {
  crc32c,
  internetChecksum,
  type PseudoHeaderFields,
  pseudoHeaderSum,
} from './packets/own-checksums.js';
export {
  type ChecksumSpec,
  type FieldSpec,
  type Layer,
  type OwnLayer,
  own,
  type Protocol,
  type Registry,
} from './packets/protocol.js';
export type * from './packets/protocols/index.js';
export { type Template, type TemplateLayer, template } from './packets/template.js';
export type { Skipped } from './replay/frame-shape.js';
export type { AddedTag, EthernetRewrite, VlanRewrite } from './replay/link-rewrite.js';
export type { NotRewritten, NotRewrittenKind } from './replay/not-rewritten.js';
export { type ReplayReport, replay } from './replay/replay.js';
export type { ReplayOptions, ReplayServer } from './replay/replay-options.js';
export {
  type ReplayWorkersOptions,
  type ReplayWorkersReport,
  replayInWorkers,
} from './replay/replay-workers.js';
export type { Rewrite } from './replay/rewrite.js';
export type { Oversize } from './replay/sendable-frames.js';
export type { Split } from './replay/split.js';
export { generate } from './runs/generate.js';
export type { GenerateOptions } from './runs/generate-options.js';
export type { GenerateReport } from './runs/generate-report.js';
export type { Generation } from './runs/generation.js';
export type { Outcomes, PoolProgress, Progress } from './runs/meter.js';
export type { MixOrder, MixPart, TemplateCount } from './runs/mix.js';
export type { OnError } from './runs/run-options.js';
export type { Fill } from './runs/transmitter.js';
export { generateStreams, type Streams } from './streams/generate-streams.js';
export type { Stream, StreamEnded, StreamReport } from './streams/stream.js';
export type { StreamOptions, WritePacket } from './streams/stream-options.js';
export type { StreamsOptions, StreamsProgress } from './streams/streams-options.js';
export type { StreamsReport } from './streams/streams-report.js';
export type { WorkersReport } from './workers/aggregate.js';
export type { WorkerSocket } from './workers/protocol.js';
export { generateInWorkers } from './workers/workers.js';
export type { WorkersOptions } from './workers/workers-options.js';
export type { PacketsToWrite, PacketToWrite } from './writing/packets-to-write.js';
export { type WriteReport, writeCapture } from './writing/write-capture.js';
export type { WriteCaptureOptions, WriteProgress } from './writing/write-options.js';
