// @ts-check
// Plays a scenario of a verifying pool, and tells what it found.
import { pause } from '../sender.mjs';
import { allowed } from './verify-allowed.mjs';
import { found } from './verify-found.mjs';
import { server, uncaught, warnings } from './verify-support.mjs';

/** @param {{ scenario: string }} argument */
export async function run({ scenario }) {
  const play = { ...found, ...allowed }[scenario];
  if (play === undefined) throw new Error(`no such scenario: ${scenario}`);
  const result = await play();
  await pause(5);
  server.close();
  return { uncaught, warnings, result };
}
