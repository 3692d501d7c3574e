import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CodedError, PacketSocket, type PooledBuffer, UdpSocket, XdpSocket } from 'zerosend';
import { type GenerateOptions, generate } from 'zerosend/generator';
import { IdChecker } from '../../../rig/ids.mjs';
import { until, within } from '../../support/deadline.js';
import {
  addPair,
  addSink,
  countsOf,
  ip,
  newName,
  ownLinks,
  warnings,
} from '../../support/links.js';
import { itInline } from '../../support/submit.js';
import { EXACT, failureOf, take } from './kinds.mjs';

type Ring = PacketSocket | XdpSocket;

const TOO_LONG = 'ERR_ZEROSEND_FRAME_TOO_LONG';
const DRAINED = { outcome: 'drained', unfinished: 0 };
const tooLong = (name: string, most: number, mtu: number, received: number) => ({
  code: TOO_LONG,
  message: `a frame must have at most ${most} bytes (4 fewer without a VLAN tag) on ${name}, whose MTU is ${mtu}; received ${received}`,
});
const isDown = (name: string) => ({
  code: 'ZEROSEND_LINK_DOWN',
  message: `interface '${name}' is down: frames wait in the ring until it is up again`,
});

const TEMPLATE = {
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { source: 1024, destination: 9 },
  length: 64,
};

function open(kind: 'packet' | 'xdp', name: string, options = {}): Promise<Ring> {
  const init = (bytes: Buffer) => void bytes.write('ffffffffffff02000000000188b5', 'hex');
  const all = { interface: name, frames: 64, init, ...options };
  return kind === 'packet'
    ? PacketSocket.open({ frameSize: 4064, ...all })
    : XdpSocket.open({ frameSize: 4096, ...all });
}

/** The error of a send, which leaves no frame behind, or null. */
function send(socket: Ring, length: number) {
  const frame = take(socket.pool);
  const failure = failureOf(() => socket.send(frame, length));
  if (failure) frame.release();
  return failure;
}

/** Until nothing is sent and the event loop has had so many turns that the socket rests. */
async function rest(socket: Ring) {
  await within(socket.flush(), 'all frames to leave');
  for (let i = 0; i < 5; i++) await turn();
}

/** What `error` and `close` tell, in this order. */
function endOf(socket: Ring): unknown[] {
  const events: unknown[] = [];
  socket.on('error', (error) => events.push(error));
  socket.on('close', (report) => events.push(report));
  return events;
}

describe('under an open socket', ownLinks(), () => {
  describe.each(['packet', 'xdp'] as const)('%s', (kind) => {
    const how = kind === 'packet' ? 'zerocopy' : 'copied';

    it('the MTU dips, comes back and grows: frames keep to what it is', async () => {
      const name = addSink();
      const socket = await open(kind, name);
      const ids = IdChecker.of(socket);
      expect(send(socket, 1400)).toBe(null);
      await rest(socket);
      ip(`link set ${name} mtu 1000`);
      const dip = send(socket, 1400);
      // The kernel refuses frames of a transmit ring by itself; AF_XDP would send them.
      if (kind === 'xdp') expect(dip).toMatchObject(tooLong(name, 1018, 1000, 1400));
      await rest(socket);
      expect(send(socket, 1400)).toMatchObject(tooLong(name, 1018, 1000, 1400));
      expect(socket.info()).toMatchObject({ mtu: 1000, maxSendLength: 1018 });
      expect(send(socket, 1014)).toBe(null);
      await rest(socket);
      ip(`link set ${name} mtu 1500`);
      expect(send(socket, 1400)).toBe(null);
      await rest(socket);
      ip(`link set ${name} mtu 3000`);
      expect(send(socket, 2000)).toBe(null);
      socket.sendMany([take(socket.pool), take(socket.pool)], [60, 3014]);
      expect(socket.info()).toMatchObject({ mtu: 3000, maxSendLength: 3018 });
      const { code, message } = tooLong(name, 3018, 3000, 3015);
      expect(send(socket, 3015)).toMatchObject({ code, message });
      const batch = [take(socket.pool), take(socket.pool)];
      const refused = failureOf(() => socket.sendMany(batch, [60, 3015]));
      expect(refused).toMatchObject({ code, message: `buffers[1]: ${message}` });
      for (const frame of batch) frame.release();
      await rest(socket);
      ip(`link set ${name} mtu 9000`);
      const most = kind === 'packet' ? 4064 : 4096;
      expect(socket.info()).toMatchObject({ mtu: 9000, maxSendLength: most });
      expect(send(socket, socket.pool.bufferSize)).toBe(null);
      await rest(socket);
      await socket.close();
      const failed = dip === null ? { failed: 1 } : {};
      expect(ids.result()).toMatchObject({ ...EXACT, how: { [how]: 7, ...failed } });
      expect(Object.keys(ids.how)).toHaveLength(dip === null ? 2 : 1);
    });

    it('the MTU shrinks while a program sends without a pause: it is told', async () => {
      const name = addSink();
      const socket = await open(kind, name);
      const ids = IdChecker.of(socket);
      send(socket, 100); // it does not rest any more
      ip(`link set ${name} mtu 1000`);
      let refused: CodedError | null = null;
      const end = performance.now() + 10_000;
      while (refused === null && performance.now() < end) {
        const frame = socket.pool.tryAcquire() ?? (await socket.pool.acquire());
        refused = failureOf(() => socket.send(frame, 1400));
        if (refused) frame.release();
        await turn();
      }
      await socket.close();
      expect(refused).toMatchObject({ code: TOO_LONG });
      expect(ids.result()).toMatchObject(EXACT);
    });

    it('the interface is renamed: what is told is of it, and not of its old name', async () => {
      const name = addSink();
      const other = newName();
      const socket = await open(kind, name);
      const before = socket.info();
      expect(before.interface).toBe(name);
      ip(`link set ${name} down`);
      ip(`link set ${name} name ${other}`);
      ip(`link set ${other} mtu 1200 up`);
      addSink(name); // with an MTU of 1500
      const index = before.link?.index;
      expect(socket.info()).toMatchObject({ interface: other, mtu: 1200, link: { index } });
      expect(send(socket, 1400)).toMatchObject(tooLong(other, 1218, 1200, 1400));
      expect(send(socket, 1214)).toBe(null);
      await rest(socket);
      expect(await socket.close()).toMatchObject(DRAINED);
      expect(socket.info().interface).toBe(other);
    });

    it('it is removed and made again: an idle socket says so, and a new one works', async () => {
      const name = addSink();
      const socket = await open(kind, name);
      const ids = IdChecker.of(socket);
      const events = endOf(socket);
      send(socket, 100);
      await rest(socket);
      const index = socket.info().link?.index;
      ip(`link del ${name}`);
      addSink(name);
      await until(() => events.length === 2, 'error and close');
      const [error, report] = events as [CodedError, unknown];
      expect(error).toMatchObject({ code: 'ENXIO', interface: name });
      expect(error.message).toContain(`interface '${name}' (index ${index}) is gone`);
      expect(error.message).toContain('open a new socket');
      expect(report).toMatchObject({ outcome: 'aborted', ids: 1, unfinished: 0 });
      const late = failureOf(() => socket.send(Buffer.alloc(60)));
      expect(late).toMatchObject({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' });
      expect(late?.message).toContain(error.message);
      expect(ids.result()).toMatchObject({ ...EXACT, how: { [how]: 1 } });
      const again = await open(kind, name);
      expect(send(again, 100)).toBe(null);
      await rest(again);
      expect(await again.close()).toMatchObject(DRAINED);
    });

    it('it is removed while frames wait: they have failed, and are free again', async () => {
      const name = addSink();
      const socket = await open(kind, name);
      const ids = IdChecker.of(socket);
      const events = endOf(socket);
      ip(`link set ${name} down`);
      for (let i = 0; i < 20; i++) send(socket, 100);
      await until(() => socket.info().linkDown === true, 'the socket to hear of it');
      ip(`link del ${name}`);
      // Promptly, and not at the timeout of a close.
      await until(() => events.length === 2, 'error and close', 4000);
      const report = { outcome: 'aborted', ids: 20, unfinished: 20, error: { code: 'ENXIO' } };
      expect(events).toMatchObject([{ code: 'ENXIO' }, report]);
      expect(socket.pool.stats()).toMatchObject({ acquired: 0, inFlight: 0, retired: 0 });
      expect(ids.result()).toMatchObject({ ...EXACT, how: { failed: 20 } });
    });

    it('it leaves a bridge: that is not its end', async () => {
      const { name } = addPair();
      const bridge = newName();
      ip(`link add ${bridge} type bridge`);
      const socket = await open(kind, name);
      const events = endOf(socket);
      // A port that leaves is "deleted" from its bridge, and still there.
      ip(`link set ${name} master ${bridge}`);
      ip(`link set ${name} nomaster`);
      ip(`link set ${name} mtu 1400`); // behind it in the queue of news
      await until(() => send(socket, 1500)?.code === TOO_LONG, 'news of the MTU');
      expect(send(socket, 100)).toBe(null);
      await rest(socket);
      expect(events).toEqual([]);
      expect(socket.info().link?.operstate).toBe('up');
      await socket.close();
    });

    it('it goes down: one warning each time, and the frames go when it is up', async () => {
      const seen = warnings();
      const { name, peer } = addPair();
      const before = countsOf(peer).rx.packets;
      const socket = await open(kind, name);
      const ids = IdChecker.of(socket);
      // Two sockets on the interface are told once.
      const sockets = kind === 'packet' ? [socket, await open(kind, name)] : [socket];
      const index = socket.info().link?.index;
      const up = { index, up: true, carrier: true, operstate: 'up' };
      expect(socket.info().link).toEqual(up);
      for (let round = 1; round <= 2; round++) {
        ip(`link set ${name} down`);
        for (let i = 0; i < 5; i++) {
          for (const one of sockets) send(one, 100);
          await turn();
        }
        await until(() => seen.length >= round, 'a warning');
        const down = { index, up: false, carrier: false, operstate: 'down' };
        expect(socket.info().link).toEqual(down);
        ip(`link set ${name} up`);
        for (const one of sockets) await rest(one);
      }
      expect(socket.info().link).toEqual(up);
      for (const one of sockets) await one.close();
      expect(seen).toEqual([isDown(name), isDown(name)]);
      expect(countsOf(peer).rx.packets - before).toBe(10 * sockets.length);
      expect(ids.result()).toMatchObject({ ...EXACT, how: { [how]: 10 } });
    });

    it('it has no carrier: a warning, and what it drops is counted', async () => {
      const seen = warnings();
      const { name, peer } = addPair();
      const socket = await open(kind, name);
      ip(`link set ${peer} down`);
      await until(() => socket.info().link?.carrier === false, 'the carrier to go');
      for (let i = 0; i < 40; i++) send(socket, 100);
      await rest(socket);
      await until(() => seen.length > 0, 'a warning');
      expect(socket.stats().interfaceDropped).toBe(40);
      const link = { up: true, carrier: false, operstate: 'lowerlayerdown' };
      expect(socket.info().link).toEqual({ index: expect.any(Number), ...link });
      expect(await socket.close()).toMatchObject(DRAINED);
      expect(socket.stats().interfaceDropped).toBe(40);
      const message = `interface '${name}' has no carrier: it drops what it is given, and stats().interfaceDropped counts that`;
      expect(seen).toEqual([{ code: 'ZEROSEND_LINK_DOWN', message }]);
    });

    it('generate reports what an interface without a carrier has dropped', async () => {
      const { name, peer } = addPair();
      const socket = await open(kind, name, { init: undefined });
      ip(`link set ${peer} down`);
      await until(() => socket.info().link?.carrier === false, 'the carrier to go');
      const report = await generate({ socket, template: TEMPLATE, count: 200 });
      await socket.close();
      expect(report).toMatchObject({ ended: 'count', packets: 200, interfaceDropped: 200 });
    });

    it('generate and close end where it stays down, and say so', async () => {
      const seen = warnings();
      const { name } = addPair();
      const socket = await open(kind, name, { init: undefined });
      const ids = IdChecker.of(socket);
      ip(`link set ${name} down`);
      const began = performance.now();
      const report = await generate({ socket, template: TEMPLATE, count: 1e6, seconds: 0.2 });
      const generated = performance.now();
      expect(generated - began).toBeLessThan(4500); // and not five seconds after the last send
      expect(report).toMatchObject({ ended: 'seconds', packets: 64, unfinished: 64 });
      const closed = await socket.close({ timeout: 100 });
      expect(performance.now() - generated).toBeLessThan(3000);
      const outcome = kind === 'packet' ? 'aborted' : 'revoked';
      expect(closed).toMatchObject({ outcome, ids: 64, unfinished: 64 });
      const ended = { [kind === 'packet' ? 'failed' : 'revoked']: 64 };
      expect(ids.result()).toMatchObject({ ...EXACT, how: ended });
      expect(seen).toEqual([isDown(name)]);
    });

    it('generate goes on over a link that flaps', async () => {
      const { name, peer } = addPair();
      const socket = await open(kind, name, { init: undefined });
      const before = countsOf(peer).rx.packets;
      const running = generate({ socket, template: TEMPLATE, count: 500, rate: 1000 });
      for (let i = 0; i < 3; i++) {
        const { nextId } = socket;
        await until(() => socket.nextId > nextId, 'another send');
        ip(`link set ${name} down`);
        await until(() => socket.info().linkDown === true, 'the link to be down');
        ip(`link set ${name} up`);
        await until(() => socket.info().linkDown === false, 'the link to be up');
      }
      const all = { ended: 'count', packets: 500, failed: 0, unfinished: 0 };
      expect(await running).toMatchObject(all);
      await socket.close();
      expect(countsOf(peer).rx.packets - before).toBe(500);
    });

    it('generate rejects when it is removed, with the reason and its report', async () => {
      const { name } = addPair();
      const raised: unknown[] = [];
      const note = (error: unknown) => void raised.push(error);
      process.on('uncaughtException', note);
      onTestFinished(() => void process.off('uncaughtException', note));
      const socket = await open(kind, name, { init: undefined });
      const error = await whenItEnds({ socket, template: TEMPLATE }, () => ip(`link del ${name}`));
      expect(error).toMatchObject({ code: 'ENXIO', interface: name });
      expect(error.message).toContain('is gone');
      const { report } = error as CodedError & { report: { packets: number; sends: number } };
      expect(report).toMatchObject({ ended: 'error', packets: expect.any(Number) });
      expect(report.packets).toBeGreaterThan(50);
      expect(report.sends).toBe((await socket.close()).ids);
      expect(raised).toEqual([]); // who waits for generate need not listen to `error`
    });
  });

  /** The error of an endless generate whose way ends after some packets. */
  async function whenItEnds(options: GenerateOptions, end: () => void): Promise<CodedError> {
    const running = generate({ count: 1e9, rate: 2000, ...options }).then(
      () => expect.fail('it has not been told'),
      (error) => error,
    );
    await until(() => options.socket.nextId > 50, 'some sends');
    end();
    return within(running, 'the end of generate');
  }

  it('packets of several frames keep to the MTU of now', async () => {
    const name = addSink();
    const socket = (await open('xdp', name, { frameSize: 2048 })) as XdpSocket;
    const sendPacket = (...lengths: number[]) => {
      const frames: PooledBuffer[] = lengths.map(() => take(socket.pool));
      const failure = failureOf(() => socket.sendPacket(frames, lengths));
      if (failure) for (const frame of frames) frame.release();
      return failure;
    };
    const most = () => socket.info().xdp?.multiFrame.maxLength;
    expect([sendPacket(500, 500, 500), most()]).toEqual([null, 1518]);
    await rest(socket);
    ip(`link set ${name} mtu 5000`);
    expect([sendPacket(2048, 2048, 900), most()]).toEqual([null, 5018]);
    await rest(socket);
    ip(`link set ${name} mtu 1000`);
    expect(sendPacket(500, 500, 500)).toMatchObject(tooLong(name, 1018, 1000, 1500));
    expect(most()).toBe(1018);
    expect(sendPacket(2048, 2048)).toMatchObject(tooLong(name, 1018, 1000, 4096));
    expect(await socket.close()).toMatchObject(DRAINED);
  });

  // docs/submission-thread.md, "what the kernel refuses": such sends fail, and the generator goes on.
  itInline('generate over UDP rejects with its report when the way is down', async () => {
    const { name } = addPair();
    ip(`addr add 198.18.0.1/30 dev ${name}`);
    ip(`neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev ${name}`);
    const socket = await UdpSocket.open({ remote: { address: '198.18.0.2', port: 9 } });
    const payload = { payload: Buffer.alloc(100) };
    const error = await whenItEnds({ socket, template: payload }, () =>
      ip(`link set ${name} down`),
    );
    await socket.close();
    expect(error).toMatchObject({ address: '198.18.0.2', report: { ended: 'error' } });
    const { report } = error as CodedError & { report: { packets: number } };
    expect(report.packets).toBeGreaterThan(50);
    expect(['ENETUNREACH', 'ENETDOWN', 'EHOSTUNREACH']).toContain(error.code);
  });
});

describe('AF_XDP refused', ownLinks(), () => {
  it('names interface, queue, and how many queues there are', async () => {
    const { name } = addPair({ options: ' numtxqueues 4 numrxqueues 4' });
    const ifb = addSink();
    const refused = (options: object) =>
      XdpSocket.open({ interface: name, frames: 16, ...options }).then(
        () => expect.fail('it was opened'),
        (error) => error,
      );
    const first = await XdpSocket.open({ interface: name, frames: 16, queue: 1 });
    const veth = { interface: name, queues: 4 };
    const noQueue = await refused({ queue: 7 });
    expect(noQueue).toMatchObject({ code: 'EINVAL', queue: 7, ...veth });
    expect(noQueue.message).toContain(`transmit queue 7 of '${name}', which has 4 (0 to 3)`);
    const taken = await refused({ queue: 1 });
    expect(taken).toMatchObject({ code: 'EBUSY', queue: 1, ...veth });
    expect(taken.message).toContain('is in use by another socket');
    const zerocopy = (options: object) => refused({ mode: 'zerocopy', ...options });
    expect(await zerocopy({})).toMatchObject({ code: 'ENOTSUP', queue: 0, ...veth });
    const single = { code: 'ENOTSUP', queues: 1 };
    expect(await zerocopy({ interface: ifb })).toMatchObject({ ...single, interface: ifb });
    expect(await zerocopy({ interface: 'lo' })).toMatchObject({ ...single, interface: 'lo' });
    const none = { code: 'ENODEV', interface: 'zlnone' };
    expect(await refused({ interface: 'zlnone' })).toMatchObject(none);
    await first.close();
  });
});
