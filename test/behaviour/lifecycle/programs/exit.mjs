// @ts-check
// Ends, in the way it is told, with ids outstanding.
import { UdpSocket } from 'zerosend';
import { given, say } from '../../../support/say.mjs';
import { outstanding } from './senders.mjs';

/** @type {{ how: string, tcp: number, udp: number }} */
const { how, tcp, udp } = given;
const { socket } = await outstanding(tcp);
const datagrams = await UdpSocket.open({
  remote: { address: '127.0.0.1', port: udp },
  zeroCopy: 'always',
});
process.on('exit', () => say('exit', { inFlight: socket.inFlight }));

function end() {
  if (how.startsWith('exit')) process.exit(3);
  if (how.startsWith('throw')) throw new Error('thrown on purpose');
  if (how.startsWith('reject')) Promise.reject(new Error('rejected on purpose'));
  if (how.startsWith('kill')) process.kill(process.pid, 'SIGKILL');
}

say('outstanding', { inFlight: socket.inFlight });
if (how.endsWith('in a listener')) {
  datagrams.on('complete', end);
  datagrams.send(Buffer.alloc(1000));
} else if (how.endsWith('while busy')) {
  for (let i = 0; i < 100; i++) datagrams.send(Buffer.alloc(1000));
  end();
} else {
  setTimeout(end, 20); // the poller thread has taken over
}
