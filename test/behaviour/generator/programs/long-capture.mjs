// @ts-check
// Reads a capture of many megabytes from a stream, and says how much memory that took.
import { openCapture } from 'zerosend/generator';

const megabytes = Number(process.argv[2]);
const chunk = Buffer.alloc(2 ** 20);
for (let at = 0; at < chunk.length; at += 1024) {
  chunk.writeUInt32LE(1008, at + 8);
  chunk.writeUInt32LE(1008, at + 12);
}
async function* content() {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(1, 20);
  yield header;
  // Cut anew each time, as pieces of a file do not end where records do.
  const piece = 65_519;
  let sent = 0;
  while (sent < megabytes * 2 ** 20) {
    const from = sent % chunk.length;
    const some = Buffer.from(chunk.subarray(from, Math.min(from + piece, chunk.length)));
    sent += some.length;
    yield some;
  }
}
const before = process.memoryUsage.rss();
let most = before;
let frames = 0;
let bytes = 0;
for await (const frame of openCapture(content())) {
  bytes += frame.bytes.length;
  if (frames++ % 4096 === 0) most = Math.max(most, process.memoryUsage.rss());
}
console.log(JSON.stringify({ frames, bytes, more: most - before }));
