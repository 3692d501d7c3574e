// The page of `--web`, of real runs of real sockets: what the server answers, and what a browser shows.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Monitor } from '../../../dist/cli/live/monitor.js';
import type { Snapshot } from '../../../dist/cli/live/snapshot.js';
import { PageServer } from '../../../dist/cli/web/server.js';
import { Chromium } from '../../support/chromium.js';
import { within } from '../../support/deadline.js';
import { folderOfTest } from '../../support/folders.js';
import { hasTool, needs } from '../../support/requirements.js';
import { pipe, Running, zerosend } from './shell.js';

vi.setConfig({ testTimeout: 90_000 });

// biome-ignore lint/suspicious/noExplicitAny: what is in the page, of which Node.js has no types
type Dom = any;

/** Somebody who is sent to, so that no ICMP errors come back. */
async function listener(): Promise<string> {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

/** What is to be so before long; with both cores busy that may be some seconds. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

/** A run that is shown, until it is told to end. */
async function shown(...more: string[]): Promise<{ run: Running; url: URL }> {
  const to = await listener();
  const rate = ['--rate', '5k', '--size', '1000', '--zero-copy', 'always'];
  const args = [zerosend, 'send', to, ...rate, '--web', '--json', ...more];
  const run = new Running([process.execPath, ...args]);
  const url = await new Promise<URL>((resolve, reject) => {
    let said = '';
    run.child.stderr?.on('data', (text: string) => {
      said += text;
      const [, found] = /watch it at (\S+)/.exec(said) ?? [];
      if (found !== undefined) resolve(new URL(found));
    });
    run.child.once('close', () => reject(new Error(`no page: ${said}`)));
  });
  return { run, url };
}

interface Answer {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
  body: string;
}

async function ask(url: URL, options: http.RequestOptions = {}, body?: string): Promise<Answer> {
  const request = http.request(url, { agent: false, ...options });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return { status: response.statusCode, headers: response.headers, body: text };
}

/** What is answered to a head that no client of HTTP would send. */
async function statusOf(url: URL, head: string): Promise<string | undefined> {
  const socket = net.connect(Number(url.port), url.hostname);
  onTestFinished(() => void socket.destroy());
  socket.write(`${head}\r\n\r\n`);
  const [answer] = await once(socket.setEncoding('latin1'), 'data');
  return /^HTTP\/1\.1 (.*)/.exec(answer)?.[1];
}

/** A reader of server-sent events, and the events that it has got. */
async function readEvents(
  url: URL,
): Promise<{ response: http.IncomingMessage; next(): Promise<{ event: string; data: Dom }> }> {
  const request = http.get(new URL('/events', url), { agent: false });
  onTestFinished(() => void request.destroy());
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const events = (async function* () {
    let text = '';
    for await (const part of response.setEncoding('utf8')) {
      text += part;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, event = '', data = ''] =
          /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        text = text.slice(end + 2);
        yield { event, data: JSON.parse(data) };
      }
    }
  })();
  const next = async () => {
    const { value, done } = await within(events.next(), 'an event', 20_000);
    if (done) throw new Error('no more events');
    return value;
  };
  return { response, next };
}

describe('the server of the page', () => {
  it('tells the run from its beginning, and each moment from then on, up to its end', async () => {
    const { run, url } = await shown();
    const first = await readEvents(url);
    await first.next();
    for (let i = 0; i < 5; i++) await first.next();
    const second = await readEvents(url);
    const { event, data } = await second.next();
    expect(event).toBe('run');
    expect(data.columns.seconds.length).toBeGreaterThan(3);
    expect(data.columns.bitsPerSecond).toHaveLength(data.columns.seconds.length);
    expect(data.snapshot.target.title).toMatch(/^UDP datagrams of 1,000 bytes to 127\.0\.0\.1/);
    const look = await second.next();
    expect(look.event).toBe('look');
    expect(look.data.row.seconds).toBeGreaterThan(data.columns.seconds.at(-1));
    run.child.kill('SIGINT');
    let last = look;
    while (last.data.snapshot.state !== 'ended') last = await second.next();
    expect(last.data.row).toBeNull();
    await expect(second.next()).rejects.toThrow('no more events');
    const { code, stdout } = await run.ended();
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(last.data.snapshot).toMatchObject({ packets: report.packets, sends: report.sends });
  });

  it('answers only what asks for a name of this machine', async () => {
    const { url } = await shown();
    const { port } = url;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'LOCALHOST', '[::1]:80']) {
      expect([host, (await ask(url, { headers: { host } })).status]).toEqual([host, 200]);
    }
    for (const host of [
      `attacker.example:${port}`,
      `localhost.attacker.example:${port}`,
      `127.0.0.1.attacker.example`,
      `attacker.example#127.0.0.1`,
      '127.0.0.2',
    ]) {
      for (const path of ['/', '/events', '/saved.html']) {
        const { status, body } = await ask(new URL(path, url), { headers: { host } });
        expect([host, path, status]).toEqual([host, path, 421]);
        expect(body).not.toContain('UDP');
      }
    }
    for (const head of ['GET / HTTP/1.0', 'GET / HTTP/1.1', 'GET / HTTP/1.1\r\nHost: ']) {
      expect([head, await statusOf(url, head)]).toEqual([head, expect.stringMatching(/^4\d\d/)]);
    }
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('refuses %s', async (method) => {
    const { url } = await shown();
    for (const path of ['/', '/events']) {
      const answer = await ask(new URL(path, url), { method }, 'x'.repeat(10_000));
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    }
  });

  it('answers HEAD without a body, and what it does not have with 404', async () => {
    const { url } = await shown();
    for (const path of ['/', '/page.js', '/page.css', '/events']) {
      const { status, body } = await ask(new URL(path, url), { method: 'HEAD' });
      expect({ path, status, body }).toEqual({ path, status: 200, body: '' });
    }
    for (const path of ['/package.json', '/../package.json', '/page/page.mjs', '/%2e%2e/']) {
      expect((await ask(url, { path })).status).toBe(404);
    }
  });

  it('allows nothing but its own files, and nobody to frame or to keep it', async () => {
    const { url } = await shown();
    for (const path of ['/', '/page.js', '/nothing']) {
      const { headers } = await ask(new URL(path, url));
      const policy = headers['content-security-policy'] as string;
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|\*/);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('listens on loopback only, on the port that was asked for', async () => {
    const { url } = await shown();
    expect(url.hostname).toBe('127.0.0.1');
    const other = net.connect(Number(url.port), '127.0.0.2');
    const [error] = await once(other, 'error');
    expect(error.code).toBe('ECONNREFUSED');
    const to = await listener();
    const argv = [process.execPath, zerosend, 'send', to, `--web=${url.port}`, '--seconds', '1'];
    const { code, stdout, stderr } = await pipe(argv);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain(`EADDRINUSE: address already in use 127.0.0.1:${url.port}`);
  });

  it('tells sixteen at once, refuses one more, and has room again when one goes', async () => {
    const { url } = await shown();
    const readers = [];
    for (let i = 0; i < 16; i++) readers.push(await readEvents(url));
    for (const { next } of readers) expect((await next()).event).toBe('run');
    const refused = await ask(new URL('/events', url));
    expect(refused).toMatchObject({ status: 503 });
    readers[0]!.response.destroy();
    await eventually(async () => (await readEvents(url)).response.statusCode).toBe(200);
  });

  it('drops a client that does not read, and goes on telling the others', async () => {
    let tell: (snapshot: Snapshot) => void = () => {};
    const monitor = {
      history: [],
      latest: null,
      target: { command: 'send', title: 'x'.repeat(50_000) },
      subscribe(listener: typeof tell) {
        tell = listener;
        return () => {};
      },
    };
    const server = await PageServer.open(monitor as unknown as Monitor, 0);
    onTestFinished(() => server.close());
    const url = new URL(server.url);
    const reads = await readEvents(url);
    const stuck = await readEvents(url);
    stuck.response.socket.pause();
    const gone = new Promise((resolve) => stuck.response.on('close', resolve));
    stuck.response.on('error', () => {}); // it is cut off
    const snapshot = { ...monitor, state: 'ended', target: monitor.target } as unknown as Snapshot;
    await reads.next();
    // What is on its way in the kernel is not counted: some megabytes.
    for (let told = 0; told < 400; told++) {
      tell(snapshot);
      expect((await reads.next()).event).toBe('look');
    }
    stuck.response.resume();
    stuck.response.socket.resume();
    await within(gone, 'the end of the connection', 10_000);
    expect(stuck.response.complete).toBe(false);
    expect(reads.response.destroyed).toBe(false);
  });

  it('has room again when those that asked for nothing have had their time', async () => {
    const { url } = await shown();
    const silent = Array.from({ length: 64 }, (_, i) => {
      const socket = net.connect(Number(url.port), url.hostname);
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {});
      if (i % 2 === 0) socket.write('GET / HTTP/1.1\r\nHost: local');
      return once(socket.resume(), 'close');
    });
    await within(Promise.all(silent), 'the end of all connections', 25_000);
    expect(await ask(url)).toMatchObject({ status: 200 });
  });

  it('ends with the run also where a client does not read', async () => {
    const { run, url } = await shown();
    const { response } = await readEvents(url);
    response.pause();
    response.socket.pause();
    const idle = net.connect(Number(url.port), url.hostname);
    await once(idle, 'connect');
    onTestFinished(() => void idle.destroy());
    run.child.kill('SIGINT');
    expect((await run.ended()).code).toBe(0);
  });

  it('takes no option that is wrong', async () => {
    for (const port of ['65536', '-1', 'http']) {
      const argv = [process.execPath, zerosend, 'send', '127.0.0.1:9', `--web=${port}`];
      const { code, stderr } = await pipe(argv);
      expect(code).toBe(2);
      expect(stderr).toContain('--web has to be a whole number, from 0 to 65535');
    }
  });
});

describe('the page in a browser', needs(hasTool('chromium'), 'the tool chromium'), () => {
  const chromium = new Chromium();
  const textOf = (page: Page, id: string) => page.locator(`#${id}`).innerText();
  const points = (page: Page) =>
    page
      .locator('#charts figure')
      .first()
      .locator('canvas')
      .evaluate((canvas) => {
        const { width, height } = canvas as unknown as { width: number; height: number };
        const context = (canvas as Dom).getContext('2d');
        const { data } = context.getImageData(0, 0, width, height) as { data: Uint8ClampedArray };
        return data.filter((_, i) => i % 4 === 3 && data[i]! > 0).length;
      });

  it('shows the run as it goes on, and complains of nothing', async () => {
    const { url } = await shown();
    const { page, complaints, requests } = await chromium.visit(url.href);
    await eventually(() => textOf(page, 'state')).toBe('running');
    expect(await textOf(page, 'title')).toMatch(/^UDP datagrams of 1,000 bytes to 127\.0\.0\.1/);
    expect(await page.title()).toContain('zerosend send');
    await eventually(() => textOf(page, 'copied')).toBe('100%'); // loopback
    expect(await textOf(page, 'rate')).toMatch(/bit\/s$/);
    await eventually(() => textOf(page, 'rate-more')).toMatch(
      /packets\/s, (at|\d+\.\d+ % (below|above)) the rate$/,
    );
    const earlier = await textOf(page, 'sent');
    await eventually(() => textOf(page, 'sent')).not.toBe(earlier);
    expect(await page.locator('#charts canvas').count()).toBeGreaterThanOrEqual(4);
    expect(await points(page)).toBeGreaterThan(1000);
    expect(complaints).toEqual([]);
    expect(requests.every((one) => one.startsWith(url.href))).toBe(true);
  });

  it('says that the run has ended, and shows what the report says', async () => {
    const { run, url } = await shown();
    const { page, complaints } = await chromium.visit(url.href);
    await eventually(() => textOf(page, 'state')).toBe('running');
    run.child.kill('SIGINT');
    const report = JSON.parse((await run.ended()).stdout);
    await eventually(() => textOf(page, 'state')).toBe('ended');
    await eventually(() => textOf(page, 'sent')).toBe(report.packets.toLocaleString('en-US'));
    expect(await textOf(page, 'flight')).toBe('0');
    expect(await textOf(page, 'note')).toContain('The run has ended');
    expect(complaints).toEqual([]);
  });

  it('says that the connection is lost, and connects again', async () => {
    const { run, url } = await shown();
    const { page } = await chromium.visit(url.href);
    await eventually(() => textOf(page, 'state')).toBe('running');
    run.child.kill('SIGKILL');
    await eventually(() => textOf(page, 'state')).toBe('connection lost');
    const { port } = url;
    await shown(`--web=${port}`).catch(() => shown(`--web=${port}`));
    await eventually(() => textOf(page, 'state')).toBe('running');
  });

  it('says that there is no news of a run that hangs', async () => {
    const { run, url } = await shown();
    const { page } = await chromium.visit(url.href);
    await eventually(() => textOf(page, 'state')).toBe('running');
    run.child.kill('SIGSTOP');
    await eventually(() => textOf(page, 'state')).toBe('no news');
    run.child.kill('SIGCONT');
    await eventually(() => textOf(page, 'state')).toBe('running');
  });

  it.each(['light', 'dark'] as const)('has contrast enough where it is %s', async (colorScheme) => {
    const { url } = await shown();
    const { page } = await chromium.visit(url.href, { colorScheme });
    await eventually(() => textOf(page, 'state')).toBe('running');
    const pairs = await page.evaluate(contrasts);
    expect(pairs.length).toBeGreaterThan(20);
    expect(pairs.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
    const paper = await page.evaluate(
      () => (globalThis as Dom).getComputedStyle((globalThis as Dom).document.body).backgroundColor,
    );
    const [red = 0] = paper.match(/\d+/g)?.map(Number) ?? [];
    expect(colorScheme === 'dark' ? red < 60 : red > 200).toBe(true);
  });

  it('takes on the colours of the system also when the run has ended', async () => {
    const { run, url } = await shown();
    const { page } = await chromium.visit(url.href, { colorScheme: 'light' });
    await eventually(() => textOf(page, 'state')).toBe('running');
    const darkest = () =>
      page
        .locator('#charts canvas')
        .first()
        .evaluate((canvas: Dom) => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let most = 0;
          for (let i = 0; i < data.length; i += 4)
            if (data[i + 3] > 200) most = Math.max(most, data[i]);
          return most;
        });
    run.child.kill('SIGINT'); // nothing is drawn for new figures any more
    await eventually(() => textOf(page, 'state')).toBe('ended');
    const light = await darkest();
    await page.emulateMedia({ colorScheme: 'dark' });
    await eventually(darkest).not.toBe(light);
  });

  it('fits a phone, without scrolling sideways', async () => {
    const { url } = await shown();
    const { page } = await chromium.visit(url.href, {
      viewport: { width: 375, height: 812 },
      isMobile: true,
    });
    await eventually(() => textOf(page, 'copied')).toBe('100%');
    const widths = await page.evaluate(() => {
      const { document } = globalThis as Dom;
      const { scrollWidth, clientWidth } = document.documentElement;
      const beyond = [...document.querySelectorAll('main *, header *')]
        .filter((one: Dom) => !one.closest('.hidden') && one.getBoundingClientRect().right > 376)
        .map((one: Dom) => one.outerHTML.slice(0, 80));
      return { scrollWidth, clientWidth, beyond };
    });
    expect(widths).toEqual({ scrollWidth: 375, clientWidth: 375, beyond: [] });
  });

  it('does not move while figures come', async () => {
    const { url } = await shown();
    const { page } = await chromium.visit(url.href);
    await page.evaluate(() => {
      const global = globalThis as Dom;
      global.shifts = [];
      const observe = (list: Dom) =>
        global.shifts.push(...list.getEntries().map((entry: Dom) => entry.value));
      new global.PerformanceObserver(observe).observe({ type: 'layout-shift', buffered: true });
    });
    const earlier = await textOf(page, 'sent');
    await eventually(() => textOf(page, 'passed')).toMatch(/^[3-9]\.\d s/);
    expect(await textOf(page, 'sent')).not.toBe(earlier);
    const shifts: number[] = await page.evaluate(() => (globalThis as Dom).shifts);
    expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.02);
  });

  it('can be used by keyboard, and says in words what its charts show', async () => {
    const { url } = await shown();
    const { page } = await chromium.visit(url.href);
    await eventually(() => textOf(page, 'copied')).toBe('100%');
    const charts = page.getByRole('img');
    await eventually(() => charts.first().getAttribute('aria-label')).toMatch(
      /^Throughput, now: sent [\d.]+ [kM]bit\/s$/,
    );
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => (globalThis as Dom).document.activeElement.id)).toBe('save');
    await page.keyboard.press('Tab');
    // Further than there are moments: to the first one.
    for (let times = 0; times < 70; times++) await page.keyboard.press('ArrowLeft');
    await eventually(() => charts.first().getAttribute('aria-label')).toMatch(
      /^Throughput, at [\d.]+ s: sent/,
    );
    await page.keyboard.press('Escape');
    await eventually(() => charts.first().getAttribute('aria-label')).toContain(', now:');
    for (const id of ['state', 'save', 'progress']) {
      expect(await page.locator(`#${id}`).count()).toBe(1);
    }
    expect(await page.getByRole('status').innerText()).toBe('running');
    expect(await page.getByRole('progressbar').count()).toBe(1);
  });

  it('saves its last state as one file, which opens without a network', async () => {
    const { run, url } = await shown();
    const { page } = await chromium.visit(url.href, { acceptDownloads: true });
    await eventually(() => textOf(page, 'state')).toBe('running');
    await eventually(() => page.locator('#save').isEnabled()).toBe(true);
    run.child.kill('SIGINT');
    await run.ended(); // nobody is left who could be asked
    await eventually(() => textOf(page, 'state')).toBe('ended');
    const downloading = page.waitForEvent('download');
    await page.locator('#save').click();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^zerosend-send-[\dT-]+\.html$/);
    const file = join(folderOfTest(), 'saved.html');
    await download.saveAs(file);
    const saved = await chromium.visit(pathToFileURL(file).href, { offline: true });
    expect(await textOf(saved.page, 'state')).toBe('saved');
    for (const id of ['title', 'sent', 'rate', 'copied', 'pool']) {
      expect([id, await textOf(saved.page, id)]).toEqual([id, await textOf(page, id)]);
    }
    expect(await points(saved.page)).toBeGreaterThan(1000);
    expect(saved.complaints).toEqual([]);
    expect(saved.requests).toEqual([pathToFileURL(file).href]);
  });

  it('is the same in the file of --web-save, whatever is in its title', async () => {
    const to = await listener();
    const file = join(folderOfTest(), 'end.html');
    const argv = [process.execPath, zerosend, 'send', to, '--seconds', '1', '--web-save', file];
    const { code, stderr } = await pipe([...argv, '--json']);
    expect(code).toBe(0);
    expect(stderr).toContain(`the page is in ${file}`);
    const { page, complaints } = await chromium.visit(pathToFileURL(file).href, { offline: true });
    expect(await textOf(page, 'state')).toBe('saved');
    expect(await textOf(page, 'note')).toContain('the end of the run');
    expect(complaints).toEqual([]);
    expect(readFileSync(file, 'utf8')).not.toMatch(/(?:src|href)="/);
  });
});

describe('a page that tells templates apart', needs(hasTool('chromium'), 'chromium'), () => {
  const chromium = new Chromium();

  it('has a row for each, on a phone as well', async () => {
    const to = await listener();
    const place = folderOfTest();
    const [mix, file] = [join(place, 'mix.json'), join(place, 'end.html')];
    const parts = [
      { name: 'short', weight: 2, template: { length: 100 } },
      { name: 'a longer name, with <b>signs</b>', template: { length: 1000 } },
    ];
    writeFileSync(mix, JSON.stringify(parts));
    const args = [to, '--mix', mix, '--count', '300', '--rate', '3k', '--web-save', file];
    const { code, stderr } = await pipe([process.execPath, zerosend, 'send', ...args, '--json']);
    expect(code, stderr).toBe(0);
    const { page, complaints } = await chromium.visit(pathToFileURL(file).href, {
      offline: true,
      viewport: { width: 375, height: 812 },
    });
    const cells = await page
      .locator('#parts tbody tr')
      .evaluateAll((rows: Dom[]) =>
        rows.map((row) => [...row.cells].map((cell: Dom) => cell.innerText)),
      );
    expect(cells.map((row) => row.slice(0, 3))).toEqual([
      ['short', '66.7%', '200'],
      ['a longer name, with <b>signs</b>', '33.3%', '100'],
    ]);
    expect(await page.locator('#parts-title').innerText()).toBe('By template');
    const width = await page.evaluate(
      () => (globalThis as Dom).document.documentElement.scrollWidth,
    );
    expect(width).toBe(375);
    expect(complaints).toEqual([]);
  });
});

interface Contrast {
  text: string;
  colour: string;
  on: string;
  ratio: number;
}

/** Runs in the page: the contrast of each text with what is behind it (WCAG 2, 1.4.3). */
function contrasts(): Contrast[] {
  const { document, getComputedStyle: styleOf } = globalThis as Dom;
  const parse = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour: string) => {
    const [r = 0, g = 0, b = 0] = parse(colour).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Dom): string => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = styleOf(at).backgroundColor;
      if (parse(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('header *, main *')]
    .filter((one: Dom) => one.childElementCount === 0 && one.textContent.trim() !== '')
    .filter((one: Dom) => one.getClientRects().length > 0)
    .map((one: Dom) => {
      const [colour, on] = [styleOf(one).color, behind(one)];
      const [a, b] = [luminance(colour), luminance(on)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return { text: one.textContent.trim(), colour, on, ratio };
    });
}
