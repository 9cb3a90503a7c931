/** Pools of processes: one kind of program each, members on addresses of their own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { pause } from '../../interop/program.ts';
import { bundleMember, startMemberProcess } from '../../support/gossip-process/start.ts';
import { SerfRpc } from './serf-rpc.ts';

export const GOSSIP_PORT = 7946;
const RPC_PORT = 7373;
const RPC_TRIES_MAX = 200;
const RPC_PAUSE_MS = 50;

export interface Member {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  join(address: string): Promise<void>;
  /** Status by name, as this member sees it. */
  statuses(): Promise<ReadonlyMap<string, string>>;
  /** Ends the process without a word. */
  kill(): void;
}

export interface Program {
  readonly name: 'serf' | 'mobius';
  start(name: string, address: string): Promise<Member>;
  remove(): void;
}

const agents = new Set<ChildProcess>();
process.on('exit', () => {
  for (const agent of agents) agent.kill('SIGKILL');
});

export function serfProgram(path: string): Program {
  return {
    name: 'serf',
    start: (name, address) => startSerf(path, name, address),
    remove: () => {},
  };
}

async function startSerf(path: string, name: string, address: string): Promise<Member> {
  const rpcAddress = `${address}:${RPC_PORT}`;
  const flags = [`-node=${name}`, `-bind=${address}:${GOSSIP_PORT}`, `-rpc-addr=${rpcAddress}`];
  // Warnings only: what is written for each event would be counted as the cost of gossip.
  const agent = spawn(path, ['agent', ...flags, '-log-level=warn'], { stdio: 'ignore' });
  agents.add(agent);
  const ended = new Promise<never>((_, reject) => {
    agent.once('error', reject);
    agent.once('exit', (code) => {
      agents.delete(agent);
      reject(new Error(`serf agent ${name} has ended with ${code}`));
    });
  });
  ended.catch(() => {});
  const rpc = await Promise.race([connectRpc(address), ended]);
  return {
    name,
    address,
    pid: agent.pid ?? 0,
    join: (to) => rpc.join([to]),
    statuses: () => rpc.statuses(),
    kill: () => void agent.kill('SIGKILL'),
  };
}

async function connectRpc(address: string): Promise<SerfRpc> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await SerfRpc.connect(address, RPC_PORT);
    } catch (error) {
      if (attempt === RPC_TRIES_MAX) throw error;
      await pause(RPC_PAUSE_MS);
    }
  }
}

export async function mobiusProgram(): Promise<Program> {
  const program = await bundleMember();
  return {
    name: 'mobius',
    start: async (name, address) => {
      const member = await startMemberProcess(program, { name, address, port: GOSSIP_PORT });
      return {
        name,
        address,
        pid: member.pid,
        join: async (to) => {
          const addresses = [`${to}:${GOSSIP_PORT}`];
          await member.ask({ type: 'members.join', addresses, oldEvents: 'ignore' });
        },
        statuses: async () => {
          const { view } = await member.report();
          const members = [...(view?.members.values() ?? [])];
          return new Map(members.map((one) => [one.name, one.status]));
        },
        kill: () => member.kill(),
      };
    },
    remove: () => program.remove(),
  };
}
