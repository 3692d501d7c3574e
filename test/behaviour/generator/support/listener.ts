import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { until } from '../../../support/deadline.js';

/** A UDP socket that keeps what it has received. */
export class Listener {
  readonly received: Buffer[] = [];
  readonly port: number;

  private constructor(socket: Socket) {
    this.port = socket.address().port;
    socket.on('message', (message) => this.received.push(message));
  }

  /** It is closed when the test has finished. */
  static async open(): Promise<Listener> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    onTestFinished(() => void socket.close());
    return new Listener(socket);
  }

  get to() {
    return { address: '127.0.0.1', port: this.port };
  }

  /** Waits until so many datagrams have come, and returns all. */
  async datagrams(count: number): Promise<Buffer[]> {
    await until(() => this.received.length >= count, `${count} datagrams`, 20_000);
    return this.received;
  }
}
