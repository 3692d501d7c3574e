// @ts-check
// Opens a ring socket without privilege and prints the error.
import { PacketSocket, XdpSocket } from 'zerosend';

const [, , kind, name] = process.argv;
const type = kind === 'packet' ? PacketSocket : XdpSocket;
try {
  await type.open({ interface: name ?? '' });
  console.log(JSON.stringify({ code: 'opened' }));
} catch (error) {
  const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
  console.log(JSON.stringify({ code, message }));
}
