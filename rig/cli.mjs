// @ts-check
// Sets a rig up for work by hand, prints what to try, and takes it down at Ctrl-C or when stdin ends.
//   npm run rig -- sink|veth|veth-copy [--rate 100mbit] [--loss 0.02] [--optmem 20480] [--mtu 9000]
import { once } from 'node:events';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { compileProgram, createRig, RigUnavailableError } from './index.mjs';

const USAGE = `usage: npm run rig -- sink|veth|veth-copy [options]

  sink         an interface that drops what it gets; the kernel does not copy
  veth         two hosts; the kernel does not copy on the way to a real receiver (root)
  veth-copy    the same two hosts, ordinary: the kernel copies

  --rate R     limits the sending end to R, such as 100mbit
  --loss S     drops a share of the packets, such as 0.02 (root)
  --optmem N   net.core.optmem_max in bytes
  --mtu N      bytes, of both ends`;

/** @param {string[]} argv */
function parse(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      rate: { type: 'string' },
      loss: { type: 'string' },
      optmem: { type: 'string' },
      mtu: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  const [kind, ...more] = positionals;
  if (kind === undefined || more.length > 0) throw new TypeError('one kind of rig is needed');
  /** @type {import('./index.mjs').RigOptions} */
  const options = {};
  if (values.rate !== undefined) options.rate = values.rate;
  for (const name of /** @type {const} */ (['loss', 'optmem', 'mtu'])) {
    if (values[name] !== undefined) options[name] = Number(values[name]);
  }
  return { kind: /** @type {import('./index.mjs').RigKind} */ (kind), options };
}

/** @param {import('./index.mjs').Rig} rig */
async function describe(rig) {
  const here = (/** @type {string} */ path) => relative(process.cwd(), path);
  const probe = here(await compileProgram('probe'));
  const send = `${rig.sender.prefix.join(' ')} ${probe}`;
  const { v4, v6 } = rig.receiverAddress;
  const lines = [
    `${rig.kind} is up: ${rig.sender.name}${rig.receiver ? ` and ${rig.receiver.name}` : ''}`,
    `  sends from   ${rig.senderAddress.v4}  ${rig.senderAddress.v6}`,
    `  sends to     ${v4}  ${v6}${rig.receiver ? '' : '  (dropped)'}`,
    `  optmem_max   ${await rig.sender.sysctl('net.core.optmem_max')}`,
    '',
    'A shell inside:',
    `  ${rig.sender.prefix.join(' ')} bash`,
  ];
  if (rig.receiver === null) {
    lines.push('Send zero-copied, and see what the kernel answers:');
    lines.push(`  ${send} udp ${v4} 9 --bytes 1000000000 --size 64400 --segment 1400`);
  } else {
    const receiver = `${rig.receiver.prefix.join(' ')} ${here(await compileProgram('receiver'))}`;
    lines.push(`  ${rig.receiver.prefix.join(' ')} bash`);
    lines.push(
      'A receiver that checks every byte (its stdin takes commands: pause, rate 1000000, report):',
    );
    lines.push(`  ${receiver} tcp --port 7000`);
    lines.push(`  ${receiver} udp --port 7000`);
    lines.push('Send to it from another terminal, zero-copied, and see what the kernel answers:');
    lines.push(`  ${send} tcp ${v4} 7000 --bytes 1000000000`);
    lines.push(`  ${send} udp ${v4} 7000 --bytes 1000000000 --size 64400 --segment 1400`);
    lines.push('Break the content on purpose, and see the receiver notice:');
    lines.push(`  ${send} tcp ${v4} 7000 --bytes 1000000 --control flip`);
  }
  lines.push('', 'Ctrl-C takes it down.');
  return lines.join('\n');
}

/** @param {string[]} argv @returns {Promise<number>} exit code */
async function main(argv) {
  let wish;
  try {
    wish = parse(argv);
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n\n${USAGE}`);
    return 2;
  }
  if (wish === null) {
    console.log(USAGE);
    return 0;
  }
  try {
    const rig = await createRig(wish.kind, wish.options);
    console.log(await describe(rig));
    // Ctrl-C and SIGTERM are the rig's own business: they take it down and end the process.
    process.stdin.resume();
    await once(process.stdin, 'end');
    await rig.dispose();
    return 0;
  } catch (error) {
    if (!(error instanceof RigUnavailableError || error instanceof RangeError)) throw error;
    console.error(error.message);
    return error instanceof RangeError ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
