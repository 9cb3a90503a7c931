/** Binds the demo machine to files, child processes, the agents' API and the terminal. */

import { type ActorRefFrom, createActor, type InspectionEvent } from 'xstate';
import { type DemoEnding, type DemoEvent, demoMachine } from '../../machines/demo/demo.ts';
import {
  type Check,
  type CheckOutcome,
  demoChecks,
  demoServiceName,
  MILESTONES,
  type Milestone,
} from '../../src/demo/checks.ts';
import type { DemoFiles } from '../../src/demo/files.ts';
import { LogFiles } from '../../src/demo/log-files.ts';
import type { DemoPlan } from '../../src/demo/plan.ts';
import { Children } from '../../src/demo/processes.ts';
import { textOf } from '../../src/error-text.ts';
import { HttpClient } from '../../src/http-client/client.ts';
import type { World } from '../../src/world/world.ts';

const CHECK_INTERVAL_MS = 100;
const CHECK_TIMEOUT_MS = 5_000;
const CONVERGE_TIMEOUT_MS = 120_000;

/** What the demo tells whoever watches it. */
export interface DemoReporter {
  phase(text: string): void;
  check(check: Check, outcome: CheckOutcome): void;
  milestone(milestone: Milestone): void;
  verified(pids: ReadonlyMap<string, number>): void;
}

export interface DemoDeps {
  readonly world: World;
  readonly plan: DemoPlan;
  readonly files: DemoFiles;
  readonly mode: 'once' | 'stay';
  /** Path of the bundle. */
  readonly script: string;
  readonly reporter: DemoReporter;
  /** Sees what happens in the demo itself. */
  readonly inspect?: (event: InspectionEvent) => void;
}

export interface RunningDemo {
  /** Resolves when everything has been stopped and cleaned up. */
  readonly ended: Promise<DemoEnding>;
  interrupt(): void;
  /** Kills the children at once: for the last moment of the process. */
  kill(): void;
}

/** Starts the demo. */
export function startDemo(deps: DemoDeps): RunningDemo {
  const announce = milestoneAnnouncer(deps.reporter);
  const children = new Children(deps.script, deps.world.clock);
  const logs = new LogFiles(deps.world.disk, deps.plan.settings.folder);
  const checks = demoChecks(deps.plan);
  const checker = new Checker(deps, checks, (event) => actor.send(event));
  const actor: ActorRefFrom<typeof demoMachine> = createActor(
    demoMachine.provide({
      actions: {
        prepare: () => {
          deps.reporter.phase('making certificates and configuration');
          deps.files.write(deps.plan).then(
            () => actor.send({ type: 'prepared' }),
            (error) => actor.send({ type: 'failed', text: textOf(error) }),
          );
        },
        startProcesses: () => {
          startAll(deps, children, logs, (event) => actor.send(event));
          queueMicrotask(() => actor.send({ type: 'started' }));
        },
        beginChecking: () => checker.begin(),
        stopChecking: () => checker.end(),
        announceVerified: () => {
          announce(MILESTONES);
          deps.reporter.verified(children.pids());
        },
        stopProcesses: () => {
          deps.reporter.phase('stopping');
          children
            .stop()
            .then(() => logs.close())
            .then(() => deps.files.end())
            .then(
              () => actor.send({ type: 'stopped' }),
              (error) => {
                deps.reporter.phase(`clean-up: ${textOf(error)}`);
                actor.send({ type: 'stopped' });
              },
            );
        },
      },
    }),
    {
      clock: deps.world.clock,
      ...(deps.inspect ? { inspect: deps.inspect } : {}),
      id: 'demo',
      systemId: 'demo',
      input: { checks, mode: deps.mode, convergeTimeoutMs: CONVERGE_TIMEOUT_MS },
    },
  );
  const ended = new Promise<DemoEnding>((resolve, reject) => {
    actor.subscribe({
      next: ({ context }) => announce(context.reached),
      complete: () => resolve(actor.getSnapshot().output ?? { kind: 'interrupted' }),
      error: reject,
    });
  });
  actor.start();
  return {
    ended,
    interrupt: () => actor.send({ type: 'interrupted' }),
    kill: () => children.kill(),
  };
}

/** Tells of each milestone once. */
function milestoneAnnouncer(reporter: DemoReporter): (reached: readonly Milestone[]) => void {
  let announced = 0;
  return (reached) => {
    for (const milestone of reached.slice(announced)) reporter.milestone(milestone);
    announced = Math.max(announced, reached.length);
  };
}

function startAll(
  deps: DemoDeps,
  children: Children,
  logs: LogFiles,
  send: (event: DemoEvent) => void,
): void {
  const processes = [...deps.plan.servers, ...deps.plan.gateways];
  deps.reporter.phase(
    `starting ${deps.plan.servers.length} servers and ${deps.plan.gateways.length} gateways in ` +
      deps.plan.datacenters.join(', '),
  );
  for (const { id, args } of processes) {
    children.start({
      id,
      args,
      line: (text) => logs.append(id, text),
      exited: (text) => send({ type: 'child.exited', id, text }),
    });
  }
}

/** Asks the checks that do not hold yet, each again after a pause, until told to stop. */
class Checker {
  readonly #deps: DemoDeps;
  readonly #checks: readonly Check[];
  readonly #send: (event: DemoEvent) => void;
  readonly #clients = new Map<string, HttpClient>();
  #active = false;

  constructor(deps: DemoDeps, checks: readonly Check[], send: (event: DemoEvent) => void) {
    this.#deps = deps;
    this.#checks = checks;
    this.#send = send;
  }

  begin(): void {
    this.#active = true;
    for (const check of this.#checks) this.#ask(check);
    for (const dc of this.#deps.plan.datacenters) this.#register(dc);
  }

  end(): void {
    this.#active = false;
    for (const client of this.#clients.values()) client.close();
  }

  #ask(check: Check): void {
    check
      .ask((base, path) => this.#json(base, path))
      .catch((error): CheckOutcome => ({ holds: false, why: textOf(error) }))
      .then((outcome) => {
        if (!this.#active) return;
        this.#deps.reporter.check(check, outcome);
        if (!outcome.holds) this.#again(() => this.#ask(check));
        this.#send({ type: 'check.asked', id: check.id, outcome });
      })
      .catch((error) => this.#send({ type: 'failed', text: textOf(error) }));
  }

  /** Registers the datacenter's own service at its first server, as a user would. */
  #register(dc: string): void {
    const server = this.#deps.plan.servers.find((candidate) => candidate.dc === dc);
    if (server === undefined || !this.#active) return;
    const body = JSON.stringify({ Name: demoServiceName(dc), Address: server.address, Port: 80 });
    this.#client(server.http)
      .expectOk({
        method: 'PUT',
        path: '/v1/agent/service/register',
        body,
        timeoutMs: CHECK_TIMEOUT_MS,
      })
      .catch(() => this.#again(() => this.#register(dc)));
  }

  #again(work: () => void): void {
    this.#deps.world.clock.setTimeout(() => {
      if (this.#active) work();
    }, CHECK_INTERVAL_MS);
  }

  async #json(base: string, path: string): Promise<unknown> {
    const answer = await this.#client(base).expectOk({
      method: 'GET',
      path,
      timeoutMs: CHECK_TIMEOUT_MS,
    });
    return JSON.parse(answer.body.toString('utf8'));
  }

  #client(base: string): HttpClient {
    const existing = this.#clients.get(base);
    if (existing !== undefined) return existing;
    const client = new HttpClient({ url: base });
    this.#clients.set(base, client);
    return client;
  }
}
