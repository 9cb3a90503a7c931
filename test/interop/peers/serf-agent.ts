/** HashiCorp's serf agent as a process, driven by its own command line. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../program.ts';
import type { PoolPeer, SeenChange, SeenMember } from './pool-peer.ts';

const run = promisify(execFile);
/** Port of all members; each has an address of its own. */
export const GOSSIP_PORT = 7_946;
const RPC_PORT = 7_373;
const START_LIMIT_MS = 20_000;
const COMMAND_LIMIT_MS = 60_000;

/** What serf says when it has waited for its own broadcast for 5 s. */
const BROADCAST_WAIT_OVER = 'timeout waiting for update broadcast';

const MEMBER_EVENT = /serf: EventMember(Join|Leave|Failed|Update|Reap)(?: \(forced\))?: (\S+)/;
const USER_EVENT = /agent: Received event: user-event: (.*)$/;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface SerfAgent extends PoolPeer {
  readonly maker: 'serf';
  /** Lines of its log. */
  readonly lines: readonly string[];
  /** Standard output of a command at this agent. Rejects with it when the command fails. */
  cli(command: string, ...args: readonly string[]): Promise<string>;
  /**
   * Sets a tag. False where serf gave up waiting for its broadcast, as it does now and then when
   * many change tags at once, in a pool of its own kind too: the tag is set then all the same.
   */
  setTag(name: string, value: string): Promise<boolean>;
  /** Standard output and exit code of a command, whatever it came to. */
  outcome(command: string, ...args: readonly string[]): Promise<SerfOutcome>;
}

export interface SerfOutcome {
  readonly code: number;
  readonly text: string;
}

export interface SerfAgentOptions {
  /** Path of the program. */
  readonly path: string;
  readonly name: string;
  /** Loopback address of its own. */
  readonly address: string;
  /** Folder for its key ring, and the key that is put there unless it has one already. */
  readonly folder: string;
  readonly key: string;
  readonly flags?: readonly string[];
}

/** Starts an agent and waits until it answers. */
export async function startSerfAgent(options: SerfAgentOptions): Promise<SerfAgent> {
  const { path, name, address, folder, key, flags = [] } = options;
  const keyRing = join(folder, `${name}.keyring`);
  if (!existsSync(keyRing)) writeFileSync(keyRing, JSON.stringify([key]), { mode: 0o600 });
  const rpc = `-rpc-addr=${address}:${RPC_PORT}`;
  const child = spawn(
    path,
    [
      'agent',
      `-node=${name}`,
      `-bind=${address}:${GOSSIP_PORT}`,
      rpc,
      `-keyring-file=${keyRing}`,
      '-log-level=debug',
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      running.delete(child);
      resolve();
    });
  });
  const heard = listen(child);
  // What went wrong serf tells on its standard output.
  const outcome = async (command: string, ...args: readonly string[]): Promise<SerfOutcome> => {
    try {
      const done = await run(path, [command, rpc, ...args], { timeout: COMMAND_LIMIT_MS });
      return { code: 0, text: done.stdout };
    } catch (error) {
      const { code, stdout = '' } = error as { code?: unknown; stdout?: string };
      return { code: typeof code === 'number' ? code : -1, text: stdout };
    }
  };
  const cli = async (command: string, ...args: readonly string[]): Promise<string> => {
    const { code, text } = await outcome(command, ...args);
    if (code !== 0) throw new Error(`serf ${command} at ${name} ended with ${code}: ${text}`);
    return text;
  };
  const agent: SerfAgent = {
    name,
    maker: 'serf',
    address,
    pid: child.pid ?? 0,
    ...heard,
    cli,
    outcome,
    setTag: async (tag, value) => {
      const { code, text } = await outcome('tags', '-set', `${tag}=${value}`);
      const waited = code === 0;
      if (!waited && !text.includes(BROADCAST_WAIT_OVER)) {
        throw new Error(`serf tags at ${name} ended with ${code}: ${text}`);
      }
      return waited;
    },
    members: async () => parseMembers(await cli('members', '-format=json')),
    join: async (addresses) => {
      await cli('join', ...addresses);
    },
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
  await until(
    `${name} answers`,
    START_LIMIT_MS,
    async () => (await agent.outcome('info')).code === 0,
  );
  return agent;
}

function listen(child: ChildProcess): {
  readonly lines: string[];
  readonly changes: SeenChange[];
  readonly events: string[];
} {
  const heard = { lines: [] as string[], changes: [] as SeenChange[], events: [] as string[] };
  const hear = (line: string): void => {
    heard.lines.push(line);
    const member = MEMBER_EVENT.exec(line);
    if (member) {
      const [, kind = '', name = ''] = member;
      heard.changes.push({ kind: kind.toLowerCase(), name, atMs: Date.now() });
    }
    const event = USER_EVENT.exec(line);
    if (event) heard.events.push(event[1] ?? '');
  };
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString('utf8')).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) hear(line);
    });
  }
  return heard;
}

function parseMembers(text: string): ReadonlyMap<string, SeenMember> {
  const parsed = JSON.parse(text) as {
    readonly members: readonly (SeenMember & { readonly name: string })[];
  };
  return new Map(parsed.members.map(({ name, status, tags }) => [name, { status, tags }]));
}
