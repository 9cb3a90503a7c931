/**
 * `npm run sim -- --seed S --inspect`: plays one seed at a pace that eyes can follow, with an
 * inspector page for each server: its actors, its machines and the messages between them.
 */

import type { InspectionEvent } from 'xstate';
import { startInspector } from '../../actors/console.ts';
import { buildPage } from '../../src/console/build-page.mjs';
import { silentLog } from '../../src/log.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import type { Onlooker } from './cluster/cluster.ts';
import type { Plan } from './cluster/plan.ts';
import { play, RunFailure } from './cluster/play.ts';

/** First port of the pages; the same as an agent's, so that a bookmark serves. */
const PORT = 8599;
/** Time to open a page before the servers start. */
const OPENING_MS = 3_000;

type Letter = Parameters<Onlooker['delivered']>[1];

/** The page of one server, fed by all its lives. */
interface Page {
  readonly url: string;
  inspected(event: InspectionEvent): void;
  delivered(letter: Letter): void;
  close(): Promise<void>;
}

/** Plays the plan `times` as fast as real time, then waits for Ctrl-C. The outcome is printed. */
export async function inspectPlan(plan: Plan, times: number): Promise<void> {
  const pages = await openPages(plan.servers);
  for (const [at, { url }] of pages.entries()) say(`s${at + 1}: ${url}`);
  await pause(OPENING_MS);
  const onlooker: Onlooker = {
    inspected: ({ number }, event) => pages[number - 1]?.inspected(event),
    delivered: ({ number }, letter) => pages[number - 1]?.delivered(letter),
    pace: (ms) => pause(ms / times),
  };
  try {
    const { answered, healMs } = await play(plan, { onlooker, told: say });
    say(`${answered} calls answered, whole again after ${(healMs / 1000).toFixed(1)} s`);
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    say(`fails: ${error.message}`);
    process.exitCode = 1;
  }
  say('the pages stay as they are; Ctrl-C ends');
  await new Promise<void>((resolve) => process.once('SIGINT', resolve));
  await Promise.all(pages.map((page) => page.close()));
}

async function openPages(servers: number): Promise<readonly Page[]> {
  const numbers = Array.from({ length: servers }, (_, at) => at);
  const urls = numbers.map((at) => ({
    name: `s${at + 1}`,
    url: `http://127.0.0.1:${PORT + at}/`,
  }));
  const html = await buildPage();
  return Promise.all(numbers.map((at) => openPage(at, html, urls.toSpliced(at, 1))));
}

async function openPage(
  at: number,
  html: string,
  neighbours: readonly { readonly name: string; readonly url: string }[],
): Promise<Page> {
  let observe: (letter: Letter) => void = () => {};
  const inspector = await startInspector({
    world: createNodeWorld(),
    log: silentLog,
    // The server's bus is another one in each life; what all of them deliver comes through here.
    bus: {
      observe: (observer) => {
        observe = observer;
        return () => {};
      },
      deadLetters: { count: 0, byRoute: new Map() },
    },
    name: `s${at + 1}`,
    pid: process.pid,
    at: { address: '127.0.0.1', port: PORT + at },
    neighbours,
    page: html,
  });
  return {
    url: inspector.url,
    inspected: inspector.inspect,
    delivered: (letter) => observe(letter),
    close: () => inspector.close(),
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
