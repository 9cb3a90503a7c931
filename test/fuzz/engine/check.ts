/**
 * Runs a decoder on one input and holds it to its promises: nothing is thrown, every split of a
 * stream gives the same, outcome and time are within their caps.
 */

import { isDeepStrictEqual } from 'node:util';
import { hash32 } from '../../../src/world/simulated/random.ts';
import { allowed, Broken, type Target } from './target.ts';
import { weigh } from './weigh.ts';

/** Milliseconds that one reading of an input may take: far more than any sound one does. */
const TIME_MS_BASE = 250;
const TIME_MS_PER_BYTE = 0.01;
/** A slow reading counts when it stays slow: the machine may be busy with something else. */
const TIME_TRIES = 5;
/** Inputs up to this size are also read byte by byte. */
const BYTEWISE_MAX = 96;
const CUTS = 5;

/** Throws or rejects with what is wrong. A decoder that is synchronous is checked synchronously. */
export function check(target: Target, input: Uint8Array): void | Promise<void> {
  const started = performance.now();
  const outcome = target.read([input]);
  if (outcome instanceof Promise) return checkLater(target, input, outcome, started);
  const tookMs = performance.now() - started;
  checkOutcome(target, input, outcome);
  if (tookMs > timeMsMax(input)) checkTime(target, input);
  if (target.input !== 'stream') return undefined;
  for (const pieces of splits(input)) sameOutcome(outcome, target.read(pieces), pieces);
  return undefined;
}

async function checkLater(
  target: Target,
  input: Uint8Array,
  pending: Promise<unknown>,
  started: number,
): Promise<void> {
  const outcome = await pending;
  const tookMs = performance.now() - started;
  checkOutcome(target, input, outcome);
  if (tookMs > timeMsMax(input)) await checkTimeLater(target, input);
  if (target.input !== 'stream') return;
  for (const pieces of splits(input)) sameOutcome(outcome, await target.read(pieces), pieces);
}

function timeMsMax(input: Uint8Array): number {
  return TIME_MS_BASE + TIME_MS_PER_BYTE * input.length;
}

function checkTime(target: Target, input: Uint8Array): void {
  for (let tries = 0; tries < TIME_TRIES; tries++) {
    const started = performance.now();
    target.read([input]);
    if (performance.now() - started <= timeMsMax(input)) return;
  }
  throw tooSlow(input);
}

async function checkTimeLater(target: Target, input: Uint8Array): Promise<void> {
  for (let tries = 0; tries < TIME_TRIES; tries++) {
    const started = performance.now();
    await target.read([input]);
    if (performance.now() - started <= timeMsMax(input)) return;
  }
  throw tooSlow(input);
}

function tooSlow(input: Uint8Array): Broken {
  return new Broken(`${input.length} bytes take more than ${timeMsMax(input)} ms`);
}

function checkOutcome(target: Target, input: Uint8Array, outcome: unknown): void {
  const max = allowed(target.outcomeBytes, input.length);
  if (weigh(outcome, max) > max) {
    throw new Broken(`${input.length} bytes become more than ${max} bytes`);
  }
}

function sameOutcome(outcome: unknown, again: unknown, pieces: readonly Uint8Array[]): void {
  if (isDeepStrictEqual(outcome, again)) return;
  const sizes = pieces.map((piece) => piece.length).join(', ');
  throw new Broken(`in pieces of ${sizes} bytes the outcome is another one`);
}

/** Ways to cut an input, always the same ones for the same input. */
function splits(input: Uint8Array): readonly (readonly Uint8Array[])[] {
  if (input.length < 2) return [];
  const ways = [cutAt(input, randomCuts(input))];
  if (input.length <= BYTEWISE_MAX) {
    ways.push(Array.from(input, (_, at) => input.subarray(at, at + 1)));
  }
  return ways;
}

function randomCuts(input: Uint8Array): readonly number[] {
  let state = hash32(`${input.length}/${input[0]}/${input[input.length >> 1]}`);
  const cuts = new Set<number>();
  for (let n = 0; n < CUTS; n++) {
    state = hash32('cut', state);
    cuts.add(1 + (state % (input.length - 1)));
  }
  return [...cuts].sort((a, b) => a - b);
}

function cutAt(input: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  return [0, ...cuts].map((from, n) => input.subarray(from, cuts[n] ?? input.length));
}
