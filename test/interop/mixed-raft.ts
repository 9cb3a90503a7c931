// A real Consul and two servers of ours in one raft group.

import { until } from './program.ts';
import { COMPACTING, holds, leaderOf, leads, numbered, writeAll } from './raft-group.ts';
import { consulServer, type HttpServer, ourServer, type ServerName } from './raft-server.ts';

export const SETTLE_LIMIT_MS = 20_000;
/** What all must agree on to the byte, indexes included. */
const VIEWS = [
  '/v1/kv/?recurse&stale',
  '/v1/catalog/nodes?stale',
  '/v1/health/service/web?stale',
  '/v1/session/list?stale',
  '/v1/internal/federation-states?stale',
  '/v1/connect/ca/roots?stale',
];

export class MixedGroup {
  readonly real: HttpServer;
  readonly ours: readonly [HttpServer, HttpServer];
  readonly all: readonly HttpServer[];

  /** Three servers with these names, the first of them real; `more` is what else each is told. */
  constructor(
    consul: string,
    folder: string,
    names: readonly ServerName[],
    more: (name: ServerName) => object,
  ) {
    const [first, second, third] = names as [ServerName, ServerName, ServerName];
    const config = (name: ServerName) => ({
      bootstrap_expect: 3,
      retry_interval: '1s',
      // Whoever is killed comes back, and must not have been replaced meanwhile.
      autopilot: { cleanup_dead_servers: false },
      ...COMPACTING,
      ...more(name),
    });
    this.real = consulServer(consul, folder, first, config(first));
    this.ours = [
      ourServer(folder, second, config(second)),
      ourServer(folder, third, config(third)),
    ];
    this.all = [this.real, ...this.ours];
  }

  async kill(): Promise<void> {
    await Promise.all(this.all.map((server) => server.kill()));
  }

  /** Until all servers show the same of everything. */
  async agree(): Promise<void> {
    let differing: readonly string[] = [];
    await until('the same state everywhere', SETTLE_LIMIT_MS, async () => {
      const shown = await Promise.all(
        VIEWS.map((path) => Promise.all(this.all.map((server) => server.ask(path)))),
      );
      differing = shown.flatMap((answers, at) => {
        const bodies = answers.map(({ status, text }) => `${status} ${canonical(text)}`);
        return new Set(bodies).size === 1 ? [] : [VIEWS[at] ?? '', ...bodies];
      });
      return differing.length === 0;
    }).catch((error: Error) => {
      throw new Error([error.message, ...differing].join('\n'));
    });
  }

  /** Makes Consul lead: of those that are up it alone has the newest entries. */
  async letConsulLead(): Promise<void> {
    const { all, ours, real } = this;
    const leader = await leaderOf(all);
    if (leader === real) return;
    const other = ours.find((server) => server !== leader) as HttpServer;
    await other.kill();
    const newest = numbered('newest', 5);
    await writeAll(leader as HttpServer, newest);
    await holds(real, 'newest', newest);
    await (leader as HttpServer).kill();
    other.up();
    await leads(real);
    (leader as HttpServer).up();
    await leaderOf(all);
  }

  async letOursLead(): Promise<void> {
    const { all, ours, real } = this;
    if ((await leaderOf(all)) !== real) return;
    await real.kill();
    await leaderOf(ours);
    real.up();
    await leaderOf(all);
  }
}

/** JSON with the keys of objects in order. */
function canonical(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    );
  } catch {
    return text;
  }
}
