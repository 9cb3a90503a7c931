import type { WholeFederation } from '../federation.ts';

/** Each server sees each server alive: those of its datacenter in the LAN pool, all in the WAN pool. */
export function membersAlive(federation: WholeFederation): string[] {
  const faults: string[] = [];
  for (const { name, dc, atWork } of federation.servers) {
    const wan = new Map(atWork?.context.agent.members('wan').map((m) => [m.name, m.status]));
    for (const other of federation.servers) {
      const status = wan.get(other.name) ?? 'unknown';
      if (status !== 'alive') faults.push(`${name} sees ${other.name} ${status} in the WAN`);
    }
    const lan = new Map(atWork?.context.agent.members('lan').map((m) => [m.name, m.status]));
    for (const other of federation.serversOf(dc)) {
      const status = lan.get(other.node) ?? 'unknown';
      if (status !== 'alive') faults.push(`${name} sees ${other.node} ${status} in the LAN`);
    }
    if (wan.size > federation.servers.length) faults.push(`${name} sees ${[...wan.keys()]}`);
  }
  return faults;
}
