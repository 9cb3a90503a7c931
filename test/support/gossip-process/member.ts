/** The program of a member process: one member of a gossip pool with real sockets, told what to do. */

import { LAN_TIMING, SERF_TIMING, SERF_VERSIONS } from '../../../machines/gossip/config.ts';
import { textOf } from '../../../src/error-text.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';
import { type AgentMessage, type GossipMember, startGossipMember } from '../gossip-member.ts';
import type { Heard, MemberPlan, Notice, Order } from './messages.ts';

const ASK_LIMIT_MS = 60_000;

function tell(notice: Notice): void {
  process.send?.(notice);
}

/** What is worth telling of a message; null: nothing. */
function heardOf(message: AgentMessage): Heard | null {
  switch (message.type) {
    case 'lan-members.changed':
      return { type: 'changes', changes: message.view.changes };
    case 'user-events.received':
      return { type: 'events', events: message.events };
    case 'queries.received':
      return { type: 'queries', queries: message.queries };
    case 'coordinates.changed':
      return null;
  }
}

function tellHeard(message: AgentMessage): void {
  const heard = heardOf(message);
  if (heard !== null) tell({ heard });
}

async function start(plan: MemberPlan): Promise<GossipMember> {
  const { name, address, port, tags, encrypt, keyRing, snapshot, tells } = plan;
  return startGossipMember({
    world: createNodeWorld(),
    address,
    port,
    ...(encrypt === undefined ? {} : { encrypt }),
    ...(keyRing === undefined ? {} : { keyRing }),
    ...(snapshot === undefined ? {} : { snapshot }),
    config: {
      name,
      tags: tags ?? {},
      versions: SERF_VERSIONS,
      timing: LAN_TIMING,
      serf: SERF_TIMING,
      nameConflict: 'resolve',
    },
    ...(tells === undefined ? {} : { hear: tellHeard }),
  });
}

async function obey(member: GossipMember, order: Order): Promise<void> {
  const { id } = order;
  if ('report' in order) {
    const { changes, events, queries } = member;
    const view = member.view();
    // A channel carries only Node's own maps.
    const plain = view === null ? null : { ...view, members: new Map(view.members) };
    tell({ id, answer: { view: plain, changes, events, queries } });
    return;
  }
  try {
    const limit = { timeoutMs: ASK_LIMIT_MS };
    tell({ id, answer: await member.post.ask('gossip.lan', order.ask, limit) });
  } catch (error) {
    tell({ id, refusal: textOf(error) });
  }
}

try {
  const member = await start(JSON.parse(process.argv[2] ?? '{}') as MemberPlan);
  process.on('message', (order: Order) => void obey(member, order));
  process.on('disconnect', () => process.exit());
  tell({ ready: true });
} catch (error) {
  tell({ failed: textOf(error) });
  process.exitCode = 1;
}
