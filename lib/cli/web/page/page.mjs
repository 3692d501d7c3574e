// What runs in the page. It is put behind uPlot and the functions of base/format.ts, in a scope that it
// shares with the latter: `count`, `bits`, `bytes`, `share` and `time` are theirs.
/* global uPlot, count, bits, bytes, share, time */

const MOST_POINTS = 2400; // of a chart; a longer run is drawn by every second of them
const SILENT = 3000; // ms without news, after which the page says so

const element = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const passed = (seconds) => {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  return minutes < 60
    ? `${minutes}:${String(rest).padStart(2, '0')} min`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')} h`;
};
/** The same at an axis, where moments are round. */
const tickOf = (seconds) =>
  seconds < 60 ? `${Number(seconds.toFixed(1))} s` : passed(seconds).replace(/ min$/, '');
const orNone = (show) => (value) => (value === null || value === undefined ? '–' : show(value));

/** What is drawn: of each chart its lines, by the names of columns.ts. */
const CHARTS = [
  {
    name: 'Throughput',
    wide: true,
    show: bits,
    lines: [{ column: 'bitsPerSecond', name: 'sent', tint: 'blue', fill: true }],
  },
  {
    name: 'How ids completed',
    show: share,
    range: [0, 1],
    lines: [
      { column: 'zerocopy', name: 'without a copy', tint: 'green' },
      { column: 'copied', name: 'copied by the kernel', tint: 'orange', dash: [7, 4] },
      { column: 'inline', name: 'inline', tint: 'blue', dash: [2, 3] },
    ],
  },
  {
    name: 'Latency of completion',
    show: time,
    log: true,
    missing: 'This run does not measure latency.',
    lines: [
      { column: 'p50', name: 'p50', tint: 'green' },
      { column: 'p99', name: 'p99', tint: 'orange', dash: [7, 4] },
      { column: 'max', name: 'max', tint: 'red', dash: [2, 3] },
    ],
  },
  {
    name: 'Ids in flight',
    show: count,
    lines: [
      { column: 'inFlight', name: 'in flight', tint: 'blue', fill: true },
      { column: 'late', name: 'late', tint: 'red', dash: [7, 4] },
    ],
  },
  {
    name: 'Buffers of the pool',
    show: count,
    missing: 'There is no pool to look at: other threads send, or none.',
    lines: [
      { column: 'poolFree', name: 'free', tint: 'green' },
      { column: 'poolInFlight', name: 'in flight', tint: 'blue', dash: [7, 4] },
      { column: 'poolAcquired', name: 'acquired', tint: 'orange', dash: [2, 3] },
    ],
  },
];

const COLUMNS = ['seconds', ...CHARTS.flatMap(({ lines }) => lines.map(({ column }) => column))];

/** One chart: a caption with the values of the moment that is looked at, and the lines below it. */
class Chart {
  constructor(description, parent) {
    this.description = description;
    this.figure = document.createElement('figure');
    if (description.wide) this.figure.className = 'wide';
    const caption = document.createElement('figcaption');
    const title = document.createElement('strong');
    title.textContent = description.name;
    const series = document.createElement('span');
    series.className = 'series';
    this.values = description.lines.map(({ name, tint, dash }) => {
      const entry = document.createElement('span');
      entry.className = tint;
      const line = document.createElement('i');
      if (dash) line.className = 'dashed';
      const value = document.createElement('b');
      value.textContent = '–';
      entry.append(line, `${name} `, value);
      series.append(entry);
      return value;
    });
    caption.append(title, series);
    this.place = document.createElement('div');
    this.place.className = 'plot';
    this.place.tabIndex = 0;
    this.place.setAttribute('role', 'img');
    this.place.setAttribute('aria-describedby', 'keys');
    this.place.addEventListener('keydown', (event) => this.onKey(event));
    this.place.addEventListener('blur', () => this.leave());
    this.figure.append(caption, this.place);
    parent.append(this.figure);
    new ResizeObserver(() => this.resize()).observe(this.place);
  }

  /** @param columns all of them; the arrays are the same ones from call to call, and grow */
  draw(columns) {
    this.columns = columns;
    const { lines, missing } = this.description;
    const known = lines.some(({ column }) => columns[column].some((value) => value !== null));
    if (known || missing === undefined) {
      this.uplot ??= this.create();
      this.uplot.setData([columns.seconds, ...lines.map(({ column }) => columns[column])]);
    } else if (this.uplot === undefined && this.place.childElementCount === 0) {
      const text = document.createElement('p');
      text.textContent = missing;
      this.place.append(text);
    }
    this.showValues();
  }

  create() {
    this.place.replaceChildren();
    const { lines, show, range, log } = this.description;
    const axis = {
      stroke: () => colour('--soft'),
      grid: { stroke: () => colour('--grid'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    const options = {
      width: this.place.clientWidth,
      height: this.place.clientHeight,
      legend: { show: false },
      cursor: { sync: { key: 'zerosend' }, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false, range: (_, low, high) => [low, Math.max(high, low + 1)] },
        y: log
          ? { distr: 3, range: (_, low, high) => logRange(low, high) }
          : {
              range: range ?? ((_, low, high) => [0, low === null || high <= 0 ? 1 : high * 1.08]),
            },
      },
      axes: [
        { ...axis, size: 26, gap: 4, space: 56, values: (_, ticks) => ticks.map(tickOf) },
        {
          ...axis,
          ...(log && { grid: { ...axis.grid, filter: decades }, filter: decades }),
          size: 74,
          gap: 6,
          space: 34,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : labelOf(show, tick))),
        },
      ],
      series: [
        {},
        ...lines.map(({ tint, dash, fill }) => ({
          stroke: () => colour(`--${tint}`),
          ...(fill && { fill: () => colour('--fill') }),
          width: 2,
          ...(dash && { dash }),
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [() => this.showValues()] },
    };
    return new uPlot(options, [[], ...lines.map(() => [])], this.place);
  }

  /** The values below the cursor, or the latest ones. */
  showValues() {
    const { columns } = this;
    if (columns === undefined) return;
    const last = columns.seconds.length - 1;
    const at = this.uplot?.cursor.idx ?? last;
    const { lines, show, name } = this.description;
    const texts = lines.map(({ column }) => orNone(show)(columns[column][at]));
    for (const [i, text] of texts.entries()) this.values[i].textContent = text;
    const moment = at === last ? 'now' : `at ${passed(columns.seconds[at] ?? 0)}`;
    const all = lines.map((line, i) => `${line.name} ${texts[i]}`);
    this.place.setAttribute('aria-label', `${name}, ${moment}: ${all.join(', ')}`);
  }

  onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === 'Escape') this.leave();
    if (step === undefined || this.uplot === undefined) return;
    event.preventDefault();
    const { seconds } = this.columns;
    const stride = Math.max(1, Math.round(seconds.length / 60));
    const from = this.uplot.cursor.idx ?? seconds.length - 1;
    const at = Math.min(seconds.length - 1, Math.max(0, from + step * stride));
    const left = this.uplot.valToPos(seconds[at], 'x');
    this.uplot.setCursor({ left, top: this.uplot.bbox.height / 2 / devicePixelRatio }, true);
  }

  leave() {
    this.uplot?.setCursor({ left: -10, top: -10 }, true);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (this.uplot && width > 0) this.uplot.setSize({ width, height });
  }

  /** Colours are asked for again. */
  recolour() {
    this.uplot?.redraw(true, true);
  }
}

/** Of a logarithmic axis, only 1, 10, 100, …: lines at 2, 3, 4, … would be a curtain. */
const decades = (_, ticks) =>
  ticks.map((tick) => (Number.isInteger(Math.log10(tick)) ? tick : null));

function logRange(low, high) {
  if (low === null || !(low > 0)) return [0.1, 10];
  return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.01))];
}

function labelOf(show, tick) {
  if (show === count && !Number.isInteger(tick)) return ''; // of ids and buffers there are no halves
  return show(tick).replace(/\.0+(?=\D|$)/, '');
}

const charts = CHARTS.map((description) => new Chart(description, element('charts')));
/** What is shown: columns and the latest snapshot. */
let shown = null;

function showState(state, text, note) {
  const pill = element('state');
  if (pill.textContent !== text) pill.textContent = text; // or it would be read out again
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
  element('late-tile').classList.toggle('bad', late > 0);
  element('failed-tile').classList.toggle('bad', (failed ?? 0) + dropped > 0);
  const parts = [
    ...(target.seconds === null ? [] : [snapshot.seconds / target.seconds]),
    ...(target.packets === null ? [] : [snapshot.packets / target.packets]),
  ];
  const bar = element('progress');
  if (snapshot.state === 'ended') bar.value = 1;
  else if (parts.length > 0) bar.value = Math.min(1, Math.max(...parts));
  else bar.removeAttribute('value'); // until Ctrl-C: nobody knows how far it is
  const of = [
    ...(target.seconds === null ? [] : [passed(target.seconds)]),
    ...(target.packets === null ? [] : [`${count(target.packets)} packets`]),
  ];
  element('passed').textContent =
    `${passed(snapshot.seconds)}${of.length > 0 ? ` of ${of.join(' or ')}` : ''}`;
}

function rateText({ packetsPerSecond, state }, rateError) {
  const off = rateError === null ? '' : `, ${(rateError * 100).toFixed(2)} % off the rate`;
  return `${count(packetsPerSecond)} packets/s${off}${state === 'ended' ? ', over the whole run' : ''}`;
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
  if (row === null) return; // of the end: its rates are no moment's
  for (const [name, values] of Object.entries(columns)) values.push(row[name]);
  if (columns.seconds.length > MOST_POINTS) {
    for (const values of Object.values(columns)) {
      const kept = values.filter((_, i) => i % 2 === 1); // the latest among them
      values.splice(0, values.length, ...kept);
    }
  }
}

/** Draws at most once for each frame of the screen, however much has come. */
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

/** Saving asks nobody: the page to be filled is fetched while there is still somebody to answer. */
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
  prepareSaving().catch(() => {}); // the button stays as it is; `listen` says what is wrong
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
