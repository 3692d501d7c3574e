// The script of the page. The server joins the files of this folder to one script, behind uPlot and
// the functions of base/format.ts, without their imports and exports (document.ts).
import { bits, bytes, count, share, time } from '../../base/format.js';
import { CHARTS, Chart, COLUMNS } from './charts.mjs';
import { orNone, passed } from './text.mjs';

const MOST_POINTS = 2400; // of a chart; of a longer run only every second moment is drawn
const SILENT = 3000; // ms without an event, after which the page says so

const element = (id) => document.getElementById(id);

const charts = CHARTS.map((description) => new Chart(description, element('charts')));
/** What is shown: columns and the latest snapshot. */
let shown = null;

function showState(state, text, note) {
  const pill = element('state');
  // unchanged text must not be set, or screen readers would read it again
  if (pill.textContent !== text) pill.textContent = text;
  pill.dataset.state = state;
  element('note').textContent = note;
}

function showTarget({ command, title }) {
  element('command').textContent = command;
  element('title').textContent = title;
  document.title = `${title} – zerosend ${command}`;
}

function showSnapshot(snapshot) {
  const { target, outcomes, latency, pool, interfaceDropped, late, rateError } = snapshot;
  const set = (id, value, more) => {
    element(id).textContent = value;
    element(`${id}-more`).textContent = more;
  };
  set('rate', bits(snapshot.bitsPerSecond), rateText(snapshot, rateError));
  set('sent', count(snapshot.packets), `packets, ${bytes(snapshot.bytes)}`);
  set('flight', count(snapshot.inFlight), `of ${count(snapshot.sends)} ids`);
  set('late', count(late), 'sent more than 1 s ago');
  set(
    'copied',
    orNone(share)(snapshot.copiedShare),
    outcomes === null
      ? 'not told by other threads'
      : `${orNone(share)(snapshot.zerocopyShare)} without a copy, ${orNone(share)(snapshot.inlineShare)} inline`,
  );
  set(
    'latency',
    latency === null ? '–' : time(latency.p99),
    latency === null ? 'not measured' : `p50 ${time(latency.p50)}, max ${time(latency.max)}`,
  );
  set(
    'pool',
    pool === null ? '–' : count(pool.free),
    pool === null
      ? 'none to look at'
      : `of ${count(pool.total)}, dry ${count(pool.dry)} times, ${count(pool.waiting)} waiting`,
  );
  const failed = outcomes === null ? null : outcomes.failed + outcomes.revoked;
  const dropped = interfaceDropped ?? 0;
  set(
    'failed',
    failed === null && dropped === 0 ? '–' : count((failed ?? 0) + dropped),
    `${orNone(count)(failed)} ids failed, ${orNone(count)(interfaceDropped)} packets dropped by the interface`,
  );
  showParts(snapshot);
  element('late-tile').classList.toggle('bad', late > 0);
  element('failed-tile').classList.toggle('bad', (failed ?? 0) + dropped > 0);
  const parts = [
    ...(target.seconds === null ? [] : [snapshot.seconds / target.seconds]),
    ...(target.packets === null ? [] : [snapshot.packets / target.packets]),
  ];
  const bar = element('progress');
  if (snapshot.state === 'ended') bar.value = 1;
  else if (parts.length > 0) bar.value = Math.min(1, Math.max(...parts));
  else bar.removeAttribute('value'); // the run goes on until Ctrl-C, so its progress is not known
  const of = [
    ...(target.seconds === null ? [] : [passed(target.seconds)]),
    ...(target.packets === null ? [] : [`${count(target.packets)} packets`]),
  ];
  element('passed').textContent =
    `${passed(snapshot.seconds)}${of.length > 0 ? ` of ${of.join(' or ')}` : ''}`;
}

/** Shows what was sent of each template or kind of streams. */
function showParts({ target, parts, packets }) {
  element('parts').hidden = parts === null;
  if (parts === null) return;
  element('parts-title').textContent =
    `By ${target.parts.of === 'streams' ? 'stream' : 'template'}`;
  const rows = element('parts-rows');
  for (const [i, part] of parts.entries()) {
    const row = rows.rows[i] ?? rowAtEnd(rows);
    const texts = [
      part.name,
      share(packets > 0 ? part.packets / packets : 0),
      count(part.packets),
      count(part.packetsPerSecond),
      bits(part.bitsPerSecond),
    ];
    for (const [cell, text] of texts.entries()) row.cells[cell].textContent = text;
  }
}

function rowAtEnd(rows) {
  const row = rows.insertRow();
  const name = document.createElement('th');
  name.scope = 'row';
  row.append(name);
  for (let cell = 0; cell < 4; cell++) row.insertCell();
  return row;
}

function rateText({ packetsPerSecond, state }, rateError) {
  const off = rateError === null ? '' : `, ${offText(rateError * 100)} the rate`;
  return `${count(packetsPerSecond)} packets/s${off}${state === 'ended' ? ', over the whole run' : ''}`;
}

/** How far from a rate, in hundredths of it. */
function offText(percent) {
  const far = Math.abs(percent).toFixed(2);
  return far === '0.00' ? 'at' : `${far} % ${percent < 0 ? 'below' : 'above'}`;
}

function show({ columns, snapshot }) {
  shown = { columns, snapshot };
  showTarget(snapshot.target);
  showSnapshot(snapshot);
  for (const chart of charts) chart.draw(columns);
}

function append({ row, snapshot }) {
  const { columns } = shown;
  shown.snapshot = snapshot;
  // the last snapshot has no row, since its rates are those of the whole run
  if (row === null) return;
  for (const [name, values] of Object.entries(columns)) values.push(row[name]);
  if (columns.seconds.length > MOST_POINTS) {
    for (const values of Object.values(columns)) {
      const kept = values.filter((_, i) => i % 2 === 1); // the latest among them
      values.splice(0, values.length, ...kept);
    }
  }
}

/** Draws at most once in each frame of the screen. */
let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    show(shown);
  });
}

const ENDED = 'The run has ended. These are its last figures; its rate is that of the whole run.';

/** Listens until the run has ended. */
function listen() {
  const events = new EventSource('/events');
  let heard = performance.now();
  let lost = false;
  const isLost = (note) => {
    lost = true;
    showState('lost', 'connection lost', note);
  };
  const ended = () => {
    events.close();
    clearInterval(watching);
    showState('ended', 'ended', ENDED);
  };
  const onNews = () => {
    heard = performance.now();
    lost = false;
    if (shown?.snapshot.state === 'ended') ended();
    else showState('running', 'running', 'It is shown as it happens, ten times a second.');
  };
  events.addEventListener('run', ({ data }) => {
    const run = JSON.parse(data);
    if (run.snapshot === undefined) showTarget(run.target);
    else {
      shown = run;
      drawSoon();
    }
    onNews();
  });
  events.addEventListener('look', ({ data }) => {
    const look = JSON.parse(data);
    if (shown === null) {
      const columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
      shown = { columns, snapshot: look.snapshot };
    }
    append(look);
    drawSoon();
    onNews();
  });
  events.addEventListener('error', () => {
    const again = events.readyState === EventSource.CONNECTING;
    isLost(
      again
        ? 'What is shown is what came last. Trying to connect again …'
        : 'What is shown is what came last. The command does not answer, or too many pages are open; reload to try again.',
    );
  });
  const watching = setInterval(() => {
    if (lost || performance.now() - heard < SILENT) return;
    showState(
      'lost',
      'no news',
      `Nothing was heard for ${passed((performance.now() - heard) / 1000)}.`,
    );
  }, 500);
}

/**
 * Fetches the page that is saved while the server still answers, so that saving works after it has
 * ended.
 */
async function prepareSaving() {
  const page = await (await fetch('/saved.html')).text();
  const button = element('save');
  button.disabled = false;
  button.addEventListener('click', () => {
    if (shown === null) return;
    const json = JSON.stringify(shown).replaceAll('<', '\\u003c');
    const data = `<script type="application/json" id="saved">${json}${'<'}/script>`;
    const blob = new Blob([page.replace('<!-- data -->', () => data)], { type: 'text/html' });
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    const moment = new Date(shown.snapshot.at).toISOString().slice(0, 19).replaceAll(':', '-');
    link.download = `zerosend-${shown.snapshot.target.command}-${moment}.html`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of charts) chart.recolour();
});

const saved = element('saved');
if (saved === null) {
  listen();
  prepareSaving().catch(() => {}); // the button stays disabled; `listen` reports the problem
} else {
  element('save').hidden = true;
  show(JSON.parse(saved.textContent));
  const { at, state } = shown.snapshot;
  const moment = `Saved; the figures are of ${new Date(at).toLocaleString()}`;
  showState(
    'saved',
    'saved',
    state === 'ended' ? `${moment}, the end of the run.` : `${moment}, while it ran.`,
  );
}
