// @ts-check
// Makes rigs: what each kind is, and what may be laid over it. See index.d.mts.
import { attachLoss, attachXdpPass } from './bpf.mjs';
import { atEnd, removeLeftovers } from './cleanup.mjs';
import { getHost, RigUnavailableError } from './host.mjs';
import { Namespace } from './namespace.mjs';

/** @typedef {import('./index.mjs').RigKind} RigKind */
/** @typedef {import('./index.mjs').RigOptions} RigOptions */
/** @typedef {import('./host.mjs').Host} Host */

const LETTERS = { sink: 's', veth: 'v', 'veth-copy': 'c' };
const SENDER = { v4: '198.18.0.1', v6: 'fd00:198:18::1' };
const RECEIVER = { v4: '198.18.0.2', v6: 'fd00:198:18::2' };
const RATE = /^\d+(\.\d+)?([kmgt]?bit|[kmgt]?bps)$/i;
const SIZE = /^\d+([kmg]?b?)$/i;
const DEFAULT_BURST = '128kb'; // has to hold a GSO packet of 64 KB
const DEFAULT_LIMIT = '16mb';

/** @param {string} name @param {unknown} value @param {string} expected @returns {never} */
function reject(name, value, expected) {
  throw new RangeError(`${name} has to be ${expected}, received ${JSON.stringify(value)}`);
}

/** @param {RigKind} kind @param {RigOptions} options */
function checkOptions(kind, options) {
  if (!Object.hasOwn(LETTERS, kind)) reject('kind', kind, `one of ${Object.keys(LETTERS)}`);
  const { rate, loss, optmem, mtu, here } = options;
  if (rate !== undefined) {
    const { rate: speed, burst = DEFAULT_BURST, limit = DEFAULT_LIMIT } = rateOf(rate);
    if (!RATE.test(speed)) reject('rate', speed, 'a rate of tc, such as 100mbit');
    if (!SIZE.test(burst)) reject('rate.burst', burst, 'a size of tc, such as 128kb');
    if (!SIZE.test(limit)) reject('rate.limit', limit, 'a size of tc, such as 4mb');
  }
  if (loss !== undefined && !(loss > 0 && loss < 1)) reject('loss', loss, 'above 0 and below 1');
  if (loss !== undefined && here) reject('loss', loss, 'undefined where the sending end is here');
  for (const [name, value] of Object.entries({ optmem, mtu })) {
    if (value === undefined || (Number.isInteger(value) && value > 0)) continue;
    reject(name, value, 'a whole number above 0');
  }
}

/** @param {NonNullable<RigOptions['rate']>} rate */
const rateOf = (rate) => (typeof rate === 'string' ? { rate } : rate);

/** A locally administered address that says whose it is: last byte 1 or 2. @param {1 | 2} end */
const macOf = (end) => `02:00:c6:12:00:0${end}`;

/**
 * Addresses, and the other end's hardware address, so that no packet ever waits for ARP.
 * @param {string} name @param {1 | 2} end @param {number | undefined} mtu
 */
function linkLines(name, end, mtu) {
  const [own, other] = end === 1 ? [SENDER, RECEIVER] : [RECEIVER, SENDER];
  const peer = end === 1 ? 2 : 1;
  return [
    'link set dev lo up',
    `link set dev ${name} ${mtu === undefined ? '' : `mtu ${mtu}`} up`,
    `address add ${own.v4}/24 dev ${name}`,
    `address add ${own.v6}/64 dev ${name} nodad`,
    `neighbour replace ${other.v4} lladdr ${macOf(peer)} dev ${name} nud permanent`,
    `neighbour replace ${other.v6} lladdr ${macOf(peer)} dev ${name} nud permanent`,
  ];
}

/** @param {Host} host @param {Namespace} sender @param {RigOptions} options */
async function overlay(host, sender, { rate, loss }) {
  const { name } = sender;
  if (rate !== undefined) {
    const { rate: speed, burst = DEFAULT_BURST, limit = DEFAULT_LIMIT } = rateOf(rate);
    const shape = ['rate', speed, 'burst', burst, 'limit', limit];
    await sender.run('tc', ['qdisc', 'add', 'dev', name, 'root', 'tbf', ...shape]);
  }
  if (loss !== undefined) await attachLoss(host, name, loss);
}

/** @param {Namespace} namespace @param {RigOptions} options */
async function applySysctls(namespace, { optmem, sysctls = {} }) {
  const all = optmem === undefined ? sysctls : { 'net.core.optmem_max': optmem, ...sysctls };
  for (const [key, value] of Object.entries(all)) {
    const path = `/proc/sys/${key.replaceAll('.', '/')}`;
    await namespace.run('tee', [path], { input: String(value) });
  }
}

/**
 * Everything sent ends in the ifb driver, which drops it.
 * @param {Namespace} sender @param {RigOptions} options
 */
async function buildSink(sender, { mtu }) {
  const { name } = sender;
  await sender.ip([
    `link add ${name} address ${macOf(1)} type ifb`,
    ...linkLines(name, 1, mtu),
    `route add default dev ${name}`,
    `route add ::/0 dev ${name}`,
  ]);
}

/** @param {Namespace} sender @param {Namespace} receiver @param {RigOptions} options */
async function buildVeth(sender, receiver, { mtu }) {
  const [a, b] = [sender.name, receiver.name];
  const peer = `peer name ${b} address ${macOf(2)} netns ${b}`;
  await sender.ip([`link add ${a} address ${macOf(1)} type veth ${peer}`]);
  await receiver.ip(linkLines(b, 2, mtu));
  await sender.ip(linkLines(a, 1, mtu));
}

/**
 * Namespaces with a name that nobody else has: another thread has the same process id.
 * @param {Host} host @param {RigKind} kind @param {RigOptions} options
 * @returns {Promise<Namespace[]>}
 */
async function claimNamespaces(host, kind, { here }) {
  for (let n = 0; n < 1000; n++) {
    const stem = `zs${LETTERS[kind]}${process.pid}-${n}`;
    const sender = new Namespace(host, `${stem}s`, here);
    const receiver = kind === 'sink' ? null : new Namespace(host, `${stem}r`);
    try {
      await (receiver ?? sender).create();
    } catch (error) {
      if (/** @type {Error} */ (error).message.includes('File exists')) continue;
      throw new RigUnavailableError(/** @type {Error} */ (error).message);
    }
    if (receiver === null) return [sender];
    await sender.create();
    return [sender, receiver];
  }
  throw new Error('a thousand rigs of this process are up');
}

/** @type {Promise<unknown> | undefined} */
let leftoversGone;

/** @type {typeof import('./index.mjs').createRig} */
export async function createRig(kind, options = {}) {
  checkOptions(kind, options);
  const host = await getHost();
  if (options.here && host.prefix.length > 0) {
    throw new RigUnavailableError('this process may not make namespaces where it is');
  }
  leftoversGone ??= removeLeftovers(host);
  await leftoversGone;
  const namespaces = await claimNamespaces(host, kind, options);
  const forget = atEnd(() => {
    for (const namespace of namespaces) namespace.removeSync();
  });
  /** @type {Promise<unknown> | undefined} */
  let disposed;
  const dispose = async () => {
    disposed ??= Promise.allSettled(namespaces.map((namespace) => namespace.remove())).then(forget);
    await disposed;
  };
  try {
    const [sender, receiver = null] = /** @type {[Namespace, Namespace?]} */ (namespaces);
    for (const namespace of namespaces) await applySysctls(namespace, options);
    if (receiver === null) {
      await buildSink(sender, options);
    } else {
      await buildVeth(sender, receiver, options);
      if (kind === 'veth') await attachXdpPass(host, receiver.name);
    }
    await overlay(host, sender, options);
    return {
      kind,
      options,
      sender,
      receiver,
      senderAddress: { ...SENDER },
      receiverAddress: { ...RECEIVER },
      senderInterface: { name: sender.name, mac: macOf(1) },
      receiverInterface: receiver && { name: receiver.name, mac: macOf(2) },
      dispose,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** @type {typeof import('./index.mjs').cleanLeftovers} */
export async function cleanLeftovers() {
  return removeLeftovers(await getHost());
}

/** @type {Map<string, Promise<string | null>>} */
const verdicts = new Map();

/** @type {typeof import('./index.mjs').whyRigUnavailable} */
export function whyRigUnavailable(kind, options = {}) {
  const key = JSON.stringify([kind, options]);
  let verdict = verdicts.get(key);
  if (verdict === undefined) {
    verdict = createRig(kind, options).then(
      (rig) => rig.dispose().then(() => null),
      (error) => {
        if (error instanceof RigUnavailableError) return error.reason;
        throw error;
      },
    );
    verdicts.set(key, verdict);
  }
  return verdict;
}
