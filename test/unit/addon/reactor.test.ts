import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BATCH_RECORDS, KIND_COPIED, KIND_ZEROCOPY } from '../../../lib/addon/addon.js';
import type { Reactee } from '../../../lib/addon/reactee.js';
import { reactor } from '../../../lib/addon/reactor.js';
import { Alarm } from '../../../lib/engine/alarm.js';
import { turn, until } from '../../support/deadline.js';
import { batch, type FakeSocket, fake } from '../support/fake-native.js';
import { turns, uncaught } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

let log: string[] = [];
let members: Member[] = [];

/** A socket that notes what the reactor does with it. */
class Member implements Reactee {
  readonly handle: number;
  readonly streams = false;
  active = false;
  restsOften = 0;
  /** nothing is in flight */
  isClear = false;
  scheduled = false;
  added = false;
  needed = false;
  held = false;
  untold = 0;
  hold = false;
  /** runs within the next event */
  listener: (first: number) => void = () => {};
  readonly kernel: FakeSocket;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    const opened = fake.openUdp({
      family: 4,
      sendBufferSize: 0,
      segmentSize: 0,
      zeroCopy: true,
      maxQueuedSends: 1,
      timestamps: 0,
      maxPacingRate: 0,
    });
    this.handle = opened.handle;
    this.kernel = fake.socket(opened.handle);
    reactor.add(this, opened.fd);
    members.push(this);
  }

  /** Ids complete, each as a range of its own, and wait to be taken. */
  news(first: number, last = first): void {
    for (let id = first; id <= last; id++) {
      const kind = id % 2 === 0 ? KIND_ZEROCOPY : KIND_COPIED;
      this.kernel.completed.push({ kind, first: id, last: id });
    }
  }

  end(): void {
    if (!fake.isOpen(this.handle)) return;
    fake.close(this.handle);
    reactor.remove(this);
  }

  reclaim(_kind: number, first: number): number {
    log.push(`${this.name} takes ${first}`);
    return first;
  }
  /** ids that were answered PROMPT, up to `low` */
  prompt = 0;
  low = 0;
  reclaimPrompt(): number {
    const count = this.prompt;
    this.prompt = 0;
    this.low += count;
    if (count > 0) log.push(`${this.name} takes ${count} of its own`);
    return count;
  }
  giveBack(first: number, last: number): void {
    log.push(`${this.name} gives ${first}-${last} back`);
  }
  tell(_kind: number, first: number): void {
    log.push(`${this.name} tells ${first}`);
    this.listener(first);
  }
  settle(): void {
    log.push(`${this.name} settles`);
  }
  rest(): void {}
  isSoon(): boolean {
    return false;
  }
  wantsHold(): boolean {
    return this.hold;
  }
  hasNews(): boolean {
    return this.hold;
  }
}

const tells = () => log.filter((line) => line.includes('tells'));
const settles = () => log.filter((line) => line.includes('settles'));

beforeEach(() => {
  log = [];
});

afterEach(async () => {
  for (const member of members) member.end();
  members = [];
  await turns(2);
  expect(fake.violations).toEqual([]);
  expect(fake.alive).toBe(false);
});

/** Has the poller thread deliver the news of these sockets in one batch. */
function deliver(...from: Member[]): number {
  for (const { kernel } of from) kernel.armed = true;
  return fake.wake();
}

describe('a batch', () => {
  it('is taken in whole before the first event', () => {
    const [a, b] = [new Member('a'), new Member('b')];
    a.news(0, 1);
    b.news(7);
    expect(deliver(a, b)).toBe(3);
    expect(log).toEqual([
      'a takes 0',
      'a takes 1',
      'b takes 7',
      'a tells 0',
      'a tells 1',
      'a settles',
      'b tells 7',
      'b settles',
    ]);
  });

  it.each([
    [1023, 1],
    [1024, 2],
    [1025, 2],
    [2048, 3],
    [2500, 3],
  ])('of %d records is polled for in %d calls', (records, calls) => {
    const a = new Member('a');
    a.news(0, records - 1);
    reactor.poll(a);
    expect(a.kernel.polls).toBe(calls);
    expect(tells()).toEqual(Array.from({ length: records }, (_, id) => `a tells ${id}`));
  });

  it('brings the rest of too much with the next turn', () => {
    const [a, b] = [new Member('a'), new Member('b')];
    a.news(0, BATCH_RECORDS + 9);
    b.news(5);
    expect(deliver(a, b)).toBe(BATCH_RECORDS);
    expect(fake.wake()).toBe(11);
    expect(tells()).toHaveLength(BATCH_RECORDS + 11);
    expect(tells().slice(-11)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `a tells ${BATCH_RECORDS + i}`),
      'b tells 5',
    ]);
  });

  it.each(['polled', 'delivered'] as const)(
    'that is %s comes behind the sends that were answered as complete',
    (way) => {
      const [a, b] = [new Member('a'), new Member('b')];
      a.prompt = 3;
      a.news(3);
      b.prompt = 1;
      if (way === 'polled') reactor.poll(a);
      else deliver(a);
      expect(log).toEqual([
        'a takes 3 of its own',
        'a takes 3',
        'a tells 0',
        'a tells 3',
        'a settles',
      ]);
      reactor.poll(b); // nothing else is told of it
      expect(tells().at(-1)).toBe('b tells 0');
    },
  );

  it('is taken in before an alarm rings, which may poll and so overwrite it', () => {
    const [a, b] = [new Member('a'), new Member('b')];
    new Alarm(() => {
      log.push('rings');
      b.news(7);
      reactor.poll(b);
    }).set(0);
    a.news(0, 1);
    a.kernel.armed = true;
    fake.wake(true);
    expect(log.slice(0, 3)).toEqual(['a takes 0', 'a takes 1', 'rings']);
    expect(tells()).toEqual(['a tells 0', 'a tells 1', 'b tells 7']);
  });

  it('passes over sockets that are closed or were never there', () => {
    const [a, b, c] = [new Member('a'), new Member('b'), new Member('c')];
    b.end();
    const write = (at: number, handle: number, first: number) =>
      batch.set([handle, KIND_ZEROCOPY, first, first], 4 * at);
    write(0, a.handle, 0);
    write(1, b.handle, 1);
    write(2, b.handle, 2);
    write(3, c.handle, 3);
    write(4, 999_999, 4);
    write(5, a.handle, 5);
    fake.deliverRaw(6);
    expect(tells()).toEqual(['a tells 0', 'c tells 3', 'a tells 5']);
  });
});

describe('a listener', () => {
  it('that throws keeps nobody from their events, and makes no poll fail', async () => {
    const [a, b] = [new Member('a'), new Member('b')];
    a.news(0, 2);
    b.news(0);
    a.listener = (first) => {
      throw new Error(`listener of ${first}`);
    };
    const errors = await uncaught(() => {
      expect(() => deliver(a, b)).not.toThrow();
      a.news(3);
      expect(() => reactor.poll(a)).not.toThrow();
    });
    expect(tells()).toEqual(['a tells 0', 'a tells 1', 'a tells 2', 'b tells 0', 'a tells 3']);
    expect(errors.map((error) => (error as Error).message)).toEqual(
      [0, 1, 2, 3].map((id) => `listener of ${id}`),
    );
  });

  it('that polls is told of the news in the next turn, when it has been told of its own', async () => {
    const a = new Member('a');
    a.news(0, 2);
    a.listener = (first) => {
      if (first > 2) return;
      a.news(10 + first);
      reactor.poll(a);
      log.push(`poll of ${first} returns`);
    };
    reactor.poll(a);
    log.push('the program goes on');
    await turn();
    expect(log).toEqual([
      'a takes 0',
      'a takes 1',
      'a takes 2',
      'a tells 0',
      'a takes 10', // at once, so that a dry pool gets its buffers back within a listener
      'poll of 0 returns',
      'a tells 1',
      'a takes 11',
      'poll of 1 returns',
      'a tells 2',
      'a takes 12',
      'poll of 2 returns',
      'the program goes on',
      'a tells 10',
      'a tells 11',
      'a tells 12',
      'a settles',
    ]);
  });

  it('that polls from a full batch loses none of it', async () => {
    const [a, b] = [new Member('a'), new Member('b')];
    a.news(0, 2 * BATCH_RECORDS);
    b.news(0, BATCH_RECORDS);
    a.listener = (first) => {
      if (first === 0) reactor.poll(b); // overwrites the batch that a is told from
    };
    reactor.poll(a);
    await turn();
    expect(tells().filter((line) => line.startsWith('a'))).toHaveLength(2 * BATCH_RECORDS + 1);
    expect(tells().filter((line) => line.startsWith('b'))).toHaveLength(BATCH_RECORDS + 1);
    expect(new Set(tells()).size).toBe(3 * BATCH_RECORDS + 2);
  });

  it('may close another socket whose events are still to come', () => {
    const [a, b] = [new Member('a'), new Member('b')];
    a.news(0);
    b.news(0);
    a.listener = () => b.end();
    expect(() => deliver(a, b)).not.toThrow();
    expect(tells()).toEqual(['a tells 0', 'b tells 0']);
  });
});

describe('a turn of the event loop', () => {
  it('tells what listeners cause in the one after it, however many sockets it polls', async () => {
    const all = ['a', 'b', 'c'].map((name) => new Member(name));
    for (const member of all) {
      member.news(0);
      member.listener = (first) => {
        if (first > 3) return;
        for (const other of all) other.news(10 * first + 10);
        for (const other of all) reactor.poll(other);
      };
      reactor.markBusy(member);
    }
    await turn();
    expect(tells()).toEqual(['a tells 0', 'b tells 0', 'c tells 0']);
    const first = tells().length;
    await turn();
    expect(tells().slice(first)).toEqual(
      ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c'].map((name) => `${name} tells 10`),
    );
  });

  it('goes on as long as there are events, which are told without end and in order', async () => {
    const a = new Member('a');
    a.news(0);
    a.listener = (first) => {
      if (first >= 50) return;
      a.news(first + 1);
      reactor.poll(a);
    };
    expect(deliver(a)).toBe(1); // nobody has marked it busy
    expect(tells()).toHaveLength(1);
    for (let i = 2; i <= 51; i++) {
      await turn();
      expect(tells()).toHaveLength(i);
    }
    expect(tells()).toEqual(Array.from({ length: 51 }, (_, id) => `a tells ${id}`));
    expect(a.untold).toBe(0);
  });
});

describe('settling', () => {
  it('comes once for each socket, after its last event', () => {
    const [a, b] = [new Member('a'), new Member('b')];
    a.news(0, 3);
    b.news(0, 3);
    deliver(a, b);
    expect(settles()).toEqual(['a settles', 'b settles']);
  });

  // Settling may close the socket, and an event after `close` would be one too many.
  it('waits for events that a nested poll has put behind those of another socket', async () => {
    const [a, b] = [new Member('a'), new Member('b')];
    a.news(0);
    a.listener = (first) => {
      if (first !== 0) return;
      b.news(0);
      reactor.poll(b);
      a.news(1);
      reactor.poll(a);
    };
    reactor.poll(a);
    expect(settles()).toEqual([]);
    await turn();
    expect(tells()).toEqual(['a tells 0', 'b tells 0', 'a tells 1']);
    expect(log.indexOf('a settles')).toBeGreaterThan(log.indexOf('a tells 1'));
    expect(settles().sort()).toEqual(['a settles', 'b settles']);
  });
});

describe('busy and idle', () => {
  it('arms after a turn without a send, once', async () => {
    const a = new Member('a');
    reactor.markBusy(a);
    reactor.markBusy(a);
    expect(a.kernel).toMatchObject({ polls: 0, arms: 0 });
    await turn(); // the turn after the send
    expect(a.kernel).toMatchObject({ polls: 1, arms: 0 });
    await turn(); // one without
    expect(a.kernel).toMatchObject({ polls: 2, arms: 1 });
    await turns(3);
    expect(a.kernel).toMatchObject({ polls: 2, arms: 1 });
  });

  it('polls once a turn and never arms while sends go on', async () => {
    const a = new Member('a');
    for (let i = 0; i < 10; i++) {
      for (let sends = 0; sends < 5; sends++) reactor.markBusy(a);
      await turn();
    }
    expect(a.kernel).toMatchObject({ polls: 10, arms: 0 });
    await turn();
    expect(a.kernel).toMatchObject({ polls: 11, arms: 1 });
  });

  it('takes one turn for a send that has completed, where it was seen to rest', async () => {
    const a = new Member('a');
    a.isClear = true;
    reactor.markBusy(a);
    await turns(4);
    expect(a.kernel).toMatchObject({ polls: 2, arms: 1 });
    // Now and then it is given another one, which shows whether it still does.
    const expected = { polls: 2, arms: 1 };
    for (let sends = 1; sends <= 40; sends++) {
      reactor.markBusy(a);
      await turn();
      expected.polls++;
      const again = sends % 17 === 0;
      expect(a.kernel).toMatchObject({ ...expected, arms: expected.arms + (again ? 0 : 1) });
      expected.arms++;
      await turn();
      if (again) expected.polls++;
      expect(a.kernel).toMatchObject(expected);
    }
    // What is in flight is polled for.
    a.isClear = false;
    reactor.markBusy(a);
    await turn();
    expect(a.kernel).toMatchObject({ polls: expected.polls + 1, arms: expected.arms });
    await turn();
    expect(a.kernel).toMatchObject({ polls: expected.polls + 2, arms: expected.arms + 1 });
  });

  it('stays busy while it sends in each turn, although all has completed', async () => {
    const a = new Member('a');
    a.isClear = true;
    for (let i = 0; i < 100; i++) {
      reactor.markBusy(a);
      await turn();
    }
    expect(a.kernel).toMatchObject({ polls: 100, arms: 0 });
    await turn();
    expect(a.kernel).toMatchObject({ polls: 101, arms: 1 });
    // It was seen to rest once: that is believed for some turns, and no longer.
    for (let i = 0; i < 100; i++) {
      reactor.markBusy(a);
      await turn();
    }
    expect(a.kernel).toMatchObject({ polls: 201, arms: 17 });
  });

  it('stays busy when a listener sends in the turn that would have armed', async () => {
    const a = new Member('a');
    reactor.markBusy(a);
    await turn();
    a.news(0);
    a.listener = () => reactor.markBusy(a);
    await turn();
    expect(tells()).toEqual(['a tells 0']);
    expect(a.kernel.arms).toBe(0);
    await turns(2);
    expect(a.kernel.arms).toBe(1);
  });

  it('goes on polling what has no event to be armed for', async () => {
    const a = new Member('a');
    a.kernel.armAnswer = 1;
    reactor.markBusy(a);
    await turns(5);
    expect(a.kernel).toMatchObject({ polls: 5, arms: 4 });
    a.kernel.armAnswer = 0;
    await turns(3);
    expect(a.kernel).toMatchObject({ polls: 6, arms: 5 });
  });

  it('treats each socket by itself', async () => {
    const [a, b] = [new Member('a'), new Member('b')];
    for (let i = 0; i < 4; i++) {
      reactor.markBusy(a);
      if (i === 0) reactor.markBusy(b);
      await turn();
    }
    expect(a.kernel).toMatchObject({ polls: 4, arms: 0 });
    expect(b.kernel).toMatchObject({ polls: 2, arms: 1 });
  });

  it('neither polls nor arms a socket that was closed meanwhile', async () => {
    const [a, b] = [new Member('a'), new Member('b')];
    const arm = vi.spyOn(fake, 'arm');
    const poll = vi.spyOn(fake, 'poll');
    reactor.markBusy(a);
    a.end();
    reactor.markBusy(b);
    await turn();
    b.news(0);
    b.listener = () => b.end();
    await turns(3);
    expect(poll.mock.calls).toEqual([[b.handle], [b.handle]]);
    expect(arm).not.toHaveBeenCalled();
    poll.mockRestore();
    arm.mockRestore();
  });
});

describe('keeping the process alive', () => {
  it('is asked for once, and given up once, however many sockets want it', () => {
    const all = ['a', 'b', 'c'].map((name) => new Member(name));
    const calls = fake.keepAliveCalls.length;
    const since = () => fake.keepAliveCalls.slice(calls);
    for (const member of all) {
      member.hold = true;
      reactor.holds.update(member);
      reactor.holds.update(member);
    }
    expect(since()).toEqual([true]);
    for (const member of all.slice(1)) {
      member.hold = false;
      reactor.holds.update(member);
    }
    expect(since()).toEqual([true]);
    all[0]?.end(); // which held it to its end
    expect(since()).toEqual([true, false]);
    for (const member of all) reactor.holds.update(member);
    expect(since()).toEqual([true, false]);
  });

  it('is decided anew after events and when a socket goes idle', async () => {
    const a = new Member('a');
    a.hold = true;
    reactor.markBusy(a);
    await turn();
    expect(fake.alive).toBe(false); // the turns themselves keep it alive
    await turn();
    expect(fake.alive).toBe(true);
    a.news(0);
    a.listener = () => {
      a.hold = false;
    };
    deliver(a);
    expect(fake.alive).toBe(false);
  });
});

describe('looking back at what has been sent lately', () => {
  it('gives back what has completed, and tells of it when the socket is looked at', async () => {
    const [a, b] = [new Member('a'), new Member('b')];
    for (const each of [a, b]) {
      reactor.markBusy(each);
      each.news(4);
    }
    fake.givenBack.push(
      { handle: b.handle, first: 3, last: 4 },
      { handle: a.handle, first: 4, last: 4 },
    );
    reactor.scheduled.lookBack();
    expect(log).toEqual(['b gives 3-4 back', 'a gives 4-4 back']);
    await turns(1);
    expect(tells()).toEqual(['a tells 4', 'b tells 4']);
  });

  it('knows sockets that send, and no others', async () => {
    const [idle, gone, sends] = [new Member('idle'), new Member('gone'), new Member('sends')];
    for (const each of [idle, gone]) reactor.markBusy(each);
    await turns(2); // they have come to rest
    for (const each of [gone, sends]) reactor.markBusy(each);
    gone.end();
    log = [];
    for (const { handle } of [idle, gone, sends]) {
      // The index of a socket is given out again, under another handle.
      for (const other of [handle, handle + 2 ** 20]) {
        fake.givenBack.push({ handle: other, first: 0, last: 0 });
      }
    }
    reactor.scheduled.lookBack();
    expect(log.filter((line) => !line.startsWith('gone'))).toEqual(['sends gives 0-0 back']);
  });
});

describe('a socket that its user has forgotten', () => {
  /** Makes a socket of which nobody but the reactor knows. */
  function forget(prepare: (member: Member) => void): number {
    const member = new Member('forgotten');
    prepare(member);
    members = members.filter((other) => other !== member);
    return member.handle;
  }

  it('is closed with a warning when it is idle', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const handle = forget(() => {});
    await until(() => {
      globalThis.gc?.();
      return !fake.isOpen(handle);
    }, 'the socket is collected');
    await turns(2);
    process.off('warning', note);
    expect(warnings).toMatchObject([
      { name: 'ZeroSendWarning', code: 'ZEROSEND_SOCKET_FORGOTTEN' },
    ]);
    expect(warnings[0]?.message).toContain(`fd ${1000 + handle}`);
  });

  it('lives for as long as it has something to tell', async () => {
    let told = 0;
    const handle = forget((member) => {
      member.hold = true;
      reactor.holds.update(member);
      member.listener = () => {
        told++;
        member.hold = false;
      };
    });
    for (let i = 0; i < 5; i++) {
      globalThis.gc?.();
      await turns(2);
    }
    expect(fake.isOpen(handle)).toBe(true);
    fake.socket(handle).completed.push({ kind: KIND_ZEROCOPY, first: 0, last: 0 });
    fake.socket(handle).armed = true;
    fake.wake();
    expect(told).toBe(1);
    await until(() => {
      globalThis.gc?.();
      return !fake.isOpen(handle);
    }, 'the socket is collected');
  });
});
