// The ground of the command with a command made up: it shows progress until it is interrupted.
import { EXIT } from '../../../../dist/cli/base/command.js';
import { runProgram } from '../../../../dist/cli/base/program.js';

const never = () => new Promise((resolve) => setTimeout(resolve, 2 ** 30));

const live = {
  name: 'live',
  summary: 'counts until it is interrupted',
  about: 'Counts until it is interrupted, and says how far it came.',
  options: {
    deaf: { help: 'does not end by the first Ctrl-C', default: false },
  },
  examples: [],
  /** @param {any} invocation */
  async run({ terminal, signal, json, options }) {
    const progress = terminal.progress(json);
    let count = 0;
    while (!signal.aborted) {
      progress.show([`count ${count}`, `twice ${2 * count}`], `counted ${count}`);
      count++;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (options.deaf) {
      terminal.note('interrupted');
      await never();
    }
    progress.clear();
    if (json) terminal.printJson({ interrupted: true });
    else terminal.print('the report');
    return EXIT.OK;
  },
};

const flood = {
  name: 'flood',
  summary: 'prints for ever',
  about: 'Prints for ever.',
  options: {},
  examples: [],
  /** @param {any} invocation */
  async run({ terminal }) {
    for (let i = 0; ; i++) {
      terminal.print(`line ${i}`);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

/** @param {any} command */
const entry = (command) => ({ summary: command.summary, load: async () => ({ command }) });

const commands = { live: entry(live), flood: entry(flood) };
process.exitCode = await runProgram(commands, process.argv.slice(2));
