/** Goal: the operator commands print what Consul 1.9.1 was recorded to print. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { operatorCommands } from '../../src/cli/commands/operator.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import type { Disk } from '../../src/world/world.ts';
import { type BoxedServer, startBoxedServer } from '../replay/in-process.ts';
import { createMemoryTerminal, readRecordedRun } from '../support/terminal.ts';

let server: BoxedServer;
beforeAll(async () => {
  server = await startBoxedServer();
});
afterAll(() => server.close());

/** Ports, and how far the log of the recorded server was, are of that run. */
function ofAnyRun(text: string): string {
  return text
    .replaceAll(/127\.0\.0\.1:\d{2,}/g, '127.0.0.1:<port>  ')
    .replaceAll(/127\.0\.0\.1:<port> +/g, '127.0.0.1:<port> ')
    .replaceAll(/(Address +)State/g, 'Address State')
    .replaceAll(/(Last ?(?:Term|Index)"?: +)\d+/g, '$1<n>')
    .replaceAll(/("StableSince": )"[^"]*"/g, '$1"<time>"');
}

it.each([
  'operator-raft-list-peers',
  'operator-raft-list-peers-stale',
  'operator-raft-remove-peer-missing',
  'operator-raft-remove-peer-no-args',
  'operator-autopilot-get-config',
  'operator-autopilot-set-config',
  'operator-autopilot-state',
  'operator-autopilot-state-json',
])('%s', async (name) => {
  const recorded = readRecordedRun(name);
  const terminal = createMemoryTerminal({ CONSUL_HTTP_ADDR: server.target.baseUrl });
  const args = recorded.command.split(' ').slice(1);
  const code = await runCommandLine('consul', operatorCommands({} as Disk), args, terminal);
  expect(code).toBe(recorded.exit);
  expect(ofAnyRun(terminal.stdout())).toBe(ofAnyRun(recorded.stdout));
  expect(terminal.stderr().trimEnd()).toBe(recorded.stderr.trimEnd());
});
