import { describe, expect, it } from 'vitest';
import {
  createRig,
  type ReceiverOptions,
  type RigOptions,
  startReceiver,
} from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { byThread } from './handed-over.mjs';
import { clearFaultsAfterEach, sharedTcpReceiver, withReceiver } from './peers.js';
import { arrived } from './sender.mjs';
import { sendAcross, type WrapCase } from './wrap.mjs';

type Answer = Awaited<ReturnType<typeof sendAcross>>;

const WRAP = 2 ** 32;
const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

/** Send ids, and kernel ids a few before the wrap, at it, and before the second one. */
const STARTS = [
  { sendId: 0, kernelId: WRAP - 5 },
  { sendId: 2 ** 31 - 3, kernelId: WRAP - 20 },
  { sendId: WRAP - 3, kernelId: WRAP - 17 },
  { sendId: WRAP - 1, kernelId: WRAP - 1 },
  { sendId: 2 ** 40, kernelId: 2 * WRAP - 3 },
];
const SHAPES = ['merged', 'pieces', 'batches', 'flow'] as const;

const cases: WrapCase[] = (['tcp', 'udp'] as const).flatMap((protocol) =>
  SHAPES.filter((shape) => protocol === 'tcp' || shape !== 'pieces').flatMap((shape) =>
    STARTS.map((start) => ({ protocol, shape, ...start, held: shape !== 'flow' })),
  ),
);

function expectAcross({ protocol, sendId, kernelId, shape }: WrapCase, answer: Answer): void {
  expect(answer.problems).toEqual([]);
  expect(answer.firstId).toBe(sendId);
  expect(answer.report).toMatchObject({ outcome: 'drained', unfinished: 0 });
  expect(answer.lastId).toBe(sendId + answer.report.ids - 1);
  // All of them really went on past the wrap.
  expect(kernelId + answer.kernelIds).toBeGreaterThan(Math.ceil((kernelId + 1) / WRAP) * WRAP);
  // TCP may take a send in pieces without being asked.
  const least = (shape === 'pieces' ? 7 : 1) * answer.report.ids;
  expect(answer.kernelIds).toBeGreaterThanOrEqual(least);
  if (protocol === 'udp') expect(answer.kernelIds).toBe(least);
}

describe('over loopback', () => {
  it.each(cases)('$protocol, $shape, ids from $sendId, the kernel from $kernelId', (wrapCase) =>
    withReceiver(wrapCase.protocol, tcp, async (receiver) => {
      const answer = await sendAcross(wrapCase, receiver);
      expectAcross(wrapCase, answer);
      expect(answer.how).toEqual({ copied: answer.report.ids });
      if (!wrapCase.held) return;
      expect(answer.late).toBe(WRAP - (wrapCase.kernelId % WRAP));
      // What datagrams leave behind is complete at once, and therefore one range, across the wrap.
      if (wrapCase.protocol === 'udp') expect(answer).toMatchObject({ ranges: 1, straddling: 1 });
    }),
  );

  it.each(['merged', 'pieces', 'batches'] as const)(
    'TCP, %s: a range across the wrap',
    async (shape) => {
      const start = { sendId: WRAP - 20, kernelId: WRAP - 20, held: true };
      // When the acknowledgements come is not ours to say, and so what is merged.
      for (let attempt = 0, straddling = 0; straddling === 0; attempt++) {
        expect(attempt).toBeLessThan(20);
        const wrapCase: WrapCase = { protocol: 'tcp', shape, ...start };
        const answer = await sendAcross(wrapCase, tcp.current);
        expectAcross(wrapCase, answer);
        straddling = answer.straddling;
      }
    },
  );
});

const SLOW: RigOptions = { rate: { rate: '100mbit', burst: '128kb', limit: '16mb' } };

async function acrossRig(
  options: RigOptions,
  receiverOptions: Partial<ReceiverOptions>,
  list: WrapCase[],
): Promise<{ answers: Answer[]; got: { got: number; wrong: number }[] }> {
  await using rig = await createRig('veth', { ...options, here: true });
  const { protocol } = list[0] as WrapCase;
  const what = { protocol, seed: 'any', namespace: rig.receiver, ...receiverOptions } as const;
  await using receiver = await startReceiver(what);
  const peer = { host: rig.receiverAddress.v4, port: receiver.port };
  const answers: Answer[] = [];
  for (const wrapCase of list) answers.push(await sendAcross(wrapCase, peer));
  const got = [];
  for (const { seed, sent, report } of answers) {
    got.push(await arrived(receiver, protocol, seed, report.outcome === 'drained' ? sent : 0));
  }
  return { answers, got };
}

describe('where the kernel does not copy', await needsRig('veth', { ...SLOW, here: true }), () => {
  it.each(['tcp', 'udp'] as const)('%s over a fast link', async (protocol) => {
    const list = cases
      .filter((wrapCase) => wrapCase.protocol === protocol)
      .map((wrapCase) => ({ ...wrapCase, held: false }));
    const { answers, got } = await acrossRig({}, {}, list);
    for (const [i, answer] of answers.entries()) {
      expectAcross(list[i] as WrapCase, answer);
      expect(answer.how).toEqual({ zerocopy: answer.report.ids });
    }
    expectArrived(protocol, answers, got);
  });

  it.each(['tcp', 'udp'] as const)('%s over a slow link: late ranges', async (protocol) => {
    const shapes =
      protocol === 'tcp'
        ? (['merged', 'pieces', 'batches'] as const)
        : (['merged', 'batches'] as const);
    const list = shapes.flatMap((shape) =>
      // The wrap comes near the end of what is sent.
      [0, 2 ** 31 - 3, WRAP - 3, 2 ** 40].map((sendId) => ({
        protocol,
        shape,
        sendId,
        kernelId: WRAP - 32,
      })),
    );
    const slow = protocol === 'tcp' ? SLOW : { rate: { rate: '2mbit', burst: '3kb' } };
    const { answers, got } = await acrossRig(slow, {}, list);
    for (const [i, answer] of answers.entries()) {
      expectAcross(list[i] as WrapCase, answer);
      expect(answer.how).toEqual({ zerocopy: answer.report.ids });
      expect(answer.ranges).toBeGreaterThan(1);
      if (!byThread) expect(answer.late).toBeGreaterThan(0); // it reads them before they overtake
    }
    expectArrived(protocol, answers, got);
  });

  it('a reset, after which the kernel reports out of order', async () => {
    const list = [WRAP - 5, WRAP - 9, WRAP - 12, WRAP - 20].map((kernelId) => ({
      protocol: 'tcp' as const,
      shape: 'until the end' as const,
      sendId: WRAP - 20,
      kernelId,
    }));
    const { answers, got } = await acrossRig(SLOW, { resetAfter: 400_000 }, list);
    for (const answer of answers) {
      expect(answer.problems).toEqual([]);
      expect(answer.errors).toHaveLength(1);
      expect(answer.report.outcome).toBe('aborted');
      expect(answer.how.revoked).toBeUndefined();
    }
    const sum = (what: 'disordered' | 'straddling') =>
      answers.reduce((total, answer) => total + answer[what], 0);
    expect(sum('disordered')).toBeGreaterThan(0);
    expect(sum('straddling')).toBeGreaterThan(0);
    expect(got.every(({ wrong }) => wrong === 0)).toBe(true);
  });
});

function expectArrived(
  protocol: 'tcp' | 'udp',
  answers: Answer[],
  got: { got: number; wrong: number }[],
): void {
  const sent = answers.map((answer) => answer.sent);
  // A receiver of datagrams counts those of all senders together.
  const all = sent.reduce((sum, more) => sum + more, 0);
  expect(got.at(-1)).toEqual({ got: protocol === 'udp' ? all : sent.at(-1), wrong: 0 });
  if (protocol === 'tcp') expect(got).toEqual(sent.map((bytes) => ({ got: bytes, wrong: 0 })));
}
