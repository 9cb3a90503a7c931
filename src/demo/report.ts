/** The demo's progress on the terminal: a line per event with its time, or one JSON object a line. */

import type { Check, CheckOutcome, Milestone } from './checks.ts';
import { type DemoPlan, inspectors } from './plan.ts';

export interface ReportSink {
  out(text: string): void;
  /** Milliseconds since the demo began. */
  elapsedMs(): number;
}

export interface Report {
  phase(text: string): void;
  check(check: Check, outcome: CheckOutcome): void;
  milestone(milestone: Milestone): void;
  verified(pids: ReadonlyMap<string, number>): void;
  /** The demo's own page, which leads to those of its processes. */
  inspector(url: string): void;
  ended(ending: { readonly kind: string; readonly text?: string }): void;
}

/** For people. */
export function textReport(plan: DemoPlan, mode: 'once' | 'stay', sink: ReportSink): Report {
  const say = (text: string): void => {
    const seconds = (sink.elapsedMs() / 1000).toFixed(2).padStart(7);
    sink.out(`${seconds} s  ${text}\n`);
  };
  return {
    phase: say,
    check: (check, outcome) => {
      if (outcome.holds) say(`  ✓ ${check.id} (${outcome.detail})`);
    },
    milestone: (milestone) => say(`● ${milestone}`),
    verified: (pids) => {
      say('the federation stands: one catalog, one door into each datacenter');
      if (mode === 'stay') sink.out(suggestions(plan, pids));
    },
    inspector: (url) => {
      say(`see it: ${url}`);
      for (const { name, url: at } of inspectors(plan)) say(`  ${name.padEnd(14)} ${at}`);
    },
    ended: (ending) => {
      if (ending.kind === 'failed') say(`failed: ${ending.text ?? ''}`);
      else say(ending.kind === 'verified' ? 'done' : 'stopped');
    },
  };
}

function suggestions(plan: DemoPlan, pids: ReadonlyMap<string, number>): string {
  const first = plan.servers[0];
  const last = plan.servers.at(-1);
  const gateway = plan.gateways[0];
  if (first === undefined || last === undefined || gateway === undefined) return '';
  const program = 'node dist/main.js';
  const doors = plan.gateways.map((door) => `  ${door.dc}: ${door.wan}\n`).join('');
  return `
The only doors between the datacenters:
${doors}
Try, in another terminal:

  ${program} members -wan -http-addr=${last.http}
  curl '${last.http}/v1/health/service/hello-${first.dc}?dc=${first.dc}&pretty'
  curl '${first.http}/v1/internal/federation-states?pretty'

${gateway.id} is process ${pids.get(gateway.id) ?? '?'}. Files and logs: ${plan.settings.folder}
Ctrl-C stops everything and removes the files.
`;
}

/** For programs: one JSON object a line. */
export function jsonReport(sink: ReportSink): Report {
  const say = (fields: Readonly<Record<string, unknown>>): void => {
    sink.out(`${JSON.stringify({ ms: Math.round(sink.elapsedMs()), ...fields })}\n`);
  };
  return {
    phase: (text) => say({ event: 'phase', text }),
    check: (check, outcome) => {
      if (outcome.holds) say({ event: 'check', id: check.id, detail: outcome.detail });
    },
    milestone: (milestone) => say({ event: 'milestone', milestone }),
    verified: (pids) => say({ event: 'verified', pids: Object.fromEntries(pids) }),
    inspector: (url) => say({ event: 'inspector', url }),
    ended: (ending) => say({ event: 'ended', ...ending }),
  };
}
