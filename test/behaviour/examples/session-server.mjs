// The server of a session: answers a request of so many bytes with what the file holds, once; and
// datagrams until it is killed.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const [address, port, requested, file = ''] = process.argv.slice(2);
const datagrams = createSocket('udp4');
datagrams.on('message', (question, from) => {
  datagrams.send(`answer to ${question}`, from.port, from.address);
});
datagrams.bind(Number(port), address, () => {
  const server = createServer((connection) => {
    let received = 0;
    connection.on('data', ({ length }) => {
      received += length;
      if (received === Number(requested)) connection.end(readFileSync(file));
    });
  });
  server.listen(Number(port), address, () => process.stdout.write('ready\n'));
});
