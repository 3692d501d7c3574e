// @ts-check
// Reads a capture that is large for what it holds, with a small heap, and replays it; says what came
// of it, and how often the event loop had its turn.
import { UdpSocket } from 'zerosend';
import { readCapture, replay } from 'zerosend/generator';

const { megabytes, frame } = JSON.parse(process.argv[2] ?? '');
const file = Buffer.alloc(24 + megabytes * 2 ** 20);
file.writeUInt32LE(0xa1b2c3d4, 0);
file.writeUInt16LE(2, 4);
file.writeUInt16LE(4, 6);
file.writeUInt32LE(1, 20);
for (let at = 24; frame > 0 && at + 16 + frame <= file.length; at += 16 + frame) {
  file.writeUInt32LE(frame, at + 8);
  file.writeUInt32LE(frame, at + 12);
}
const told = (/** @type {any} */ { code, message, offset }) => ({ code, message, offset });
const capture = readCapture(file);
const socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port: 9 } });
let turns = 0;
let timer = setImmediate(function turn() {
  turns++;
  timer = setImmediate(turn);
});
const read = await replay({ socket, capture: file }).catch(told);
clearImmediate(timer);
const again = await replay({ socket, capture }).catch(told);
let frames;
try {
  frames = capture.frames.length;
} catch (error) {
  frames = told(error);
}
console.log(JSON.stringify({ problem: capture.problem, frames, read, again, turns }));
await socket.close();
