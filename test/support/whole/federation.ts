/**
 * A whole federation in one process: agents and gateways as they are shipped, on one simulated
 * time, network and set of disks.
 */

import { simulatedAuthority } from '../../../src/world/simulated/certificates.ts';
import { createSimulation, type Simulation } from '../../../src/world/simulated/simulation.ts';
import { WholeGateway } from './gateway.ts';
import { DATACENTERS, type Dc, PRIMARY_DOOR } from './plan.ts';
import { WholeServer } from './server.ts';

export interface WholeFederationOptions {
  readonly seed: number | string;
  readonly servers: number;
  readonly gateways: number;
  readonly traceLinesMax?: number;
}

export class WholeFederation {
  readonly simulation: Simulation;
  readonly servers: readonly WholeServer[];
  readonly gateways: readonly WholeGateway[];

  constructor({ seed, servers, gateways, traceLinesMax }: WholeFederationOptions) {
    const simulation = createSimulation({
      seed,
      ...(traceLinesMax === undefined ? {} : { traceLinesMax }),
    });
    this.simulation = simulation;
    const authority = simulatedAuthority('federation');
    this.servers = DATACENTERS.flatMap((dc) =>
      numbers(servers).map(
        (number) => new WholeServer({ simulation, authority, dc, number, servers }),
      ),
    );
    this.gateways = DATACENTERS.flatMap((dc) =>
      numbers(gateways).map((slot) => {
        const agent = this.serversOf(dc)[slot - 1] as WholeServer;
        return new WholeGateway({ simulation, dc, slot, agent });
      }),
    );
    this.wanLoss(0);
  }

  serversOf(dc: Dc): readonly WholeServer[] {
    return this.servers.filter((server) => server.dc === dc);
  }

  gatewaysOf(dc: Dc): readonly WholeGateway[] {
    return this.gateways.filter((gateway) => gateway.dc === dc);
  }

  /** Who says of itself that it leads; the one of the highest term. */
  leaderOf(dc: Dc): WholeServer | undefined {
    return this.serversOf(dc)
      .filter(({ leadingTerm }) => leadingTerm !== undefined)
      .sort((a, b) => (b.leadingTerm ?? 0) - (a.leadingTerm ?? 0))[0];
  }

  /** Starts what is down, and tells the DNS where the gateways of the primary are. */
  startAll(): void {
    for (const server of this.servers) server.start();
    for (const gateway of this.gateways) gateway.start();
    this.nameDoor();
  }

  nameDoor(): void {
    const doors = this.gatewaysOf('dc1').map(({ addresses }) => addresses.wan);
    this.simulation.network.name(PRIMARY_DOOR, doors);
  }

  /** Host names of a datacenter, gateways at all of their places included. */
  readonly hostsOf = (dc: Dc): readonly string[] => [
    ...this.serversOf(dc).map(({ host }) => host.name),
    ...this.gatewaysOf(dc).flatMap(({ hosts }) => hosts.map(({ name }) => name)),
  ];

  wanLoss(loss: number): void {
    this.simulation.network.link(this.hostsOf('dc1'), this.hostsOf('dc2'), {
      latencyMs: [8, 14],
      loss,
    });
  }
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
