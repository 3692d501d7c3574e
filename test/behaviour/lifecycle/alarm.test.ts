import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Alarm } from 'zerosend';
import { event, until } from '../../support/deadline.js';
import { start } from '../../support/run.js';

const library = import.meta.resolve('zerosend');

describe('an alarm', () => {
  it('rings at its time, once for each time that it is set, and never before', async () => {
    const begin = performance.now();
    const early: number[] = [];
    let rung = 0;
    const alarm = new Alarm(() => {
      const due = begin + rung * 0.3;
      if (performance.now() < due) early.push(due);
      if (++rung < 200) alarm.set(begin + rung * 0.3);
    });
    alarm.set(begin);
    expect(rung).toBe(0);
    await until(() => rung === 200, '200 rings');
    expect(early).toEqual([]);
    expect(alarm.time).toBe(Number.POSITIVE_INFINITY);
  });

  it('rings for all of many, each in its turn', async () => {
    const begin = performance.now();
    const order: number[] = [];
    const times = Array.from({ length: 500 }, (_, i) => ((i * 7919) % 500) / 10);
    for (const time of times) new Alarm(() => order.push(time)).set(begin + time);
    await until(() => order.length === 500, '500 alarms');
    expect(order).toEqual([...times].sort((a, b) => a - b));
  });

  it('keeps its process alive, and lets it end when it has rung or was cleared', async () => {
    const program = `
      import { Alarm } from '${library}';
      const begin = performance.now();
      new Alarm(() => console.log('rung', performance.now() - begin >= 100)).set(begin + 100);
      const never = new Alarm(() => console.log('never'));
      never.set(begin + 60_000);
      never.clear();`;
    const { ended } = start([process.execPath, '--input-type=module', '-e', program]);
    expect(await ended).toMatchObject({ code: 0, stdout: 'rung true\n', stderr: '' });
  });

  it('does not keep a worker from ending', async () => {
    const program = `
      import { parentPort } from 'node:worker_threads';
      import { Alarm } from '${library}';
      const alarm = new Alarm(() => alarm.set(performance.now() + 0.1));
      alarm.set(0);
      new Alarm(() => {}).set(performance.now() + 1e9);
      parentPort.postMessage('set');`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const worker = new Worker(url);
    await event(worker, 'message');
    expect(await worker.terminate()).toBe(1);
  });
});
