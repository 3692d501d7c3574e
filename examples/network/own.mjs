// @ts-check
// A network of one's own to send into: the program is started again inside of a new network
// namespace, which goes with it. Root can make one, and so can ordinary users where the system lets
// them have user namespaces.
import { execFileSync, spawnSync } from 'node:child_process';

const INSIDE = 'ZEROSEND_EXAMPLE_NETWORK';

/**
 * Makes an interface to send to: `'ifb'` drops every frame, `'veth'` has a second interface at its
 * other end, with the address 198.18.0.2. Where that cannot be, says why and ends the process.
 * @param {'ifb' | 'veth'} kind
 * @returns {{ interface: string, receiver: { interface: string, address: string, mac: string } }}
 */
export function ownNetwork(kind) {
  if (process.env[INSIDE] !== '1') startInside();
  const receiver = { interface: 'zsx1', address: '198.18.0.2', mac: '02:00:00:00:00:02' };
  try {
    if (kind === 'ifb') {
      ip('link', 'add', 'zsx0', 'type', 'ifb');
    } else {
      ip('link', 'add', 'zsx0', 'type', 'veth', 'peer', 'name', receiver.interface);
      ip('link', 'set', receiver.interface, 'address', receiver.mac);
      ip('address', 'add', `${receiver.address}/24`, 'dev', receiver.interface);
      ip('link', 'set', receiver.interface, 'up');
    }
    ip('link', 'set', 'zsx0', 'up');
  } catch (error) {
    unavailable(`no ${kind} interface can be made: ${/** @type {Error} */ (error).message}`);
  }
  return { interface: 'zsx0', receiver };
}

/** @param {string[]} args */
function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Runs this program inside of a namespace, and ends as it ends. @returns {never} */
function startInside() {
  /** @type {string[]} */
  const reasons = [];
  for (const flags of ['-n', '-Urn']) {
    const attempt = spawnSync('unshare', [flags, 'true'], { encoding: 'utf8' });
    if (attempt.status !== 0) {
      reasons.push((attempt.error?.message ?? attempt.stderr).trim());
      continue;
    }
    const again = [flags, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const env = { ...process.env, [INSIDE]: '1' };
    const { status } = spawnSync('unshare', again, { stdio: 'inherit', env });
    process.exit(status ?? 1);
  }
  unavailable(`no network namespace can be made: ${reasons.join('; ')}`);
}

/** @param {string} reason @returns {never} */
function unavailable(reason) {
  console.log(`not run: ${reason}`);
  console.log('give --interface NAME to send through an interface of this machine');
  process.exit(0);
}
