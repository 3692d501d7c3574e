// @ts-check
// Runs a program that compares pairs, in a process for each round.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CorrectnessError, spawnIn } from './sender-process.mjs';

/**
 * What the program prints, a line of JSON, of each round. In every second one it is given `--reversed`, so
 * that each of a pair is the first one equally often.
 * @param {import('../rig/index.mjs').Namespace} namespace
 * @param {string} program its name in this folder
 * @param {readonly string[]} args
 * @param {number} rounds
 * @returns {Promise<any[]>}
 */
export async function roundsOf(namespace, program, args, rounds) {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const outputs = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 1 ? ['--reversed'] : [];
    outputs.push(JSON.parse(await outputOf(namespace, [path, ...args, ...order])));
  }
  return outputs;
}

/** @param {import('../rig/index.mjs').Namespace} namespace @param {string[]} args */
async function outputOf(namespace, args) {
  const child = spawnIn(namespace, process.execPath, args);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new CorrectnessError(`${args[0]} ended with ${signal ?? code}`);
  return output;
}
