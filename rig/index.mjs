// @ts-check
// The rigs' one door; index.d.mts says what each of these does.
export { compileProgram } from './compile.mjs';
export { RigUnavailableError } from './host.mjs';
export { ownNamespace, runInUserNamespace, whyNoOwnNamespace } from './own-namespace.mjs';
export {
  ANNOUNCEMENT_BYTES,
  announceSeed,
  fillDatagram,
  fillStream,
  fillTrain,
  HEADER_BYTES,
  verifyDatagram,
  verifyStream,
} from './pattern.mjs';
export { startFrameReceiver, startReceiver } from './receiver.mjs';
export { cleanLeftovers, createRig, whyRigUnavailable } from './rig.mjs';
