/** A gossip member of ours as a process, with the same face as a serf agent. */

import type {
  KeyOperation,
  KeyOutcome,
  QueryFilter,
  QueryOutcome,
} from '../../../machines/routes/gossip.ts';
import type { Heard, MemberPlan } from '../../support/gossip-process/messages.ts';
import {
  type MemberProcess,
  type MemberProgram,
  startMemberProcess,
} from '../../support/gossip-process/start.ts';
import type { PoolPeer, SeenChange } from './pool-peer.ts';

export interface QueryPlan {
  readonly name: string;
  readonly payload: string;
  readonly filters: readonly QueryFilter[];
  readonly relayFactor: number;
  /** 0: the pool's default. */
  readonly timeoutMs: number;
}

export interface OurMember extends PoolPeer {
  readonly maker: 'mobius';
  query(plan: QueryPlan): Promise<QueryOutcome>;
  keys(operation: KeyOperation, key: string): Promise<KeyOutcome>;
  fire(name: string, payload: string): Promise<void>;
  setTags(tags: Readonly<Record<string, string>>): Promise<void>;
  forceLeave(name: string, prune: boolean): Promise<void>;
  leave(): Promise<void>;
}

/** Starts a member that answers every query with its name and what it was asked. */
export async function startOurMember(program: MemberProgram, plan: MemberPlan): Promise<OurMember> {
  const changes: SeenChange[] = [];
  const events: string[] = [];
  const hear = (heard: Heard): void => {
    switch (heard.type) {
      case 'changes':
        for (const { kind, member } of heard.changes) {
          changes.push({ kind, name: member.name, atMs: Date.now() });
        }
        return;
      case 'events':
        for (const { name, payload } of heard.events) {
          events.push(`${name}: ${Buffer.from(payload).toString()}`);
        }
        return;
      case 'queries':
        for (const { key, payload } of heard.queries) void respond(member, key, payload);
    }
  };
  const member = await startMemberProcess(program, { ...plan, tells: 'at once' }, [], hear);
  return {
    ...commandsOf(member),
    name: plan.name,
    maker: 'mobius',
    address: plan.address,
    pid: member.pid,
    changes,
    events,
    members: async () => (await member.report()).view?.members ?? new Map(),
    kill: () => {
      member.kill();
      return member.ended;
    },
  };
}

/** One that comes too late is refused, and the asker will miss it. */
async function respond(process: MemberProcess, key: string, asked: Uint8Array): Promise<void> {
  const payload = Buffer.from(`${process.name} heard ${Buffer.from(asked).toString()}`);
  await process.ask({ type: 'query.respond', key, payload }).catch(() => {});
}

function commandsOf(
  process: MemberProcess,
): Pick<OurMember, 'join' | 'query' | 'keys' | 'fire' | 'setTags' | 'forceLeave' | 'leave'> {
  return {
    join: async (addresses) => {
      await process.ask({ type: 'members.join', addresses, oldEvents: 'ignore' });
    },
    query: async ({ payload, ...plan }) => {
      const asked = { ...plan, payload: Buffer.from(payload), acks: 'request' } as const;
      return (await process.ask({ type: 'query.start', ...asked })) as QueryOutcome;
    },
    keys: async (operation, text) => {
      const key = Buffer.from(text, 'base64');
      const asked = { operation, key, relayFactor: 0 } as const;
      return (await process.ask({ type: 'keys.change', ...asked })) as KeyOutcome;
    },
    fire: async (name, text) => {
      const payload = Buffer.from(text);
      await process.ask({ type: 'user-event.fire', name, payload, coalesce: false });
    },
    setTags: async (tags) => {
      await process.ask({ type: 'tags.set', tags });
    },
    forceLeave: async (name, prune) => {
      await process.ask({ type: 'members.force-leave', name, prune });
    },
    leave: async () => {
      await process.ask({ type: 'members.leave' });
    },
  };
}
