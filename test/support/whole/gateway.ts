/** A mesh gateway that can die and come back, at the same addresses or at others. */

import {
  type GatewayProcess,
  startGatewayProcess,
} from '../../../actors/gateway/gateway-process.ts';
import { createAgentDoor } from '../../../src/gateway/agent-door.ts';
import { makeRegistration } from '../../../src/gateway/registration.ts';
import { createMemoryLog } from '../../../src/log.ts';
import type { SimulatedHost, Simulation } from '../../../src/world/simulated/simulation.ts';
import { createAgentClient } from './agent-client.ts';
import { type Dc, GATEWAY_PORT, gatewayAddresses, lanSegment } from './plan.ts';
import type { WholeServer } from './server.ts';

/** Addresses a gateway may have in one simulation. */
export const PLACES = 5;

export interface WholeGatewayOptions {
  readonly simulation: Simulation;
  readonly dc: Dc;
  readonly slot: number;
  /** Whose HTTP API it uses. */
  readonly agent: WholeServer;
}

export class WholeGateway {
  readonly dc: Dc;
  readonly id: string;
  /** One for each place, so that an old address is nobody's. */
  readonly hosts: readonly SimulatedHost[];
  readonly #options: WholeGatewayOptions;
  readonly log = createMemoryLog();
  #place = 0;
  #process: GatewayProcess | undefined;

  constructor(options: WholeGatewayOptions) {
    const { dc, slot, simulation } = options;
    this.#options = options;
    this.dc = dc;
    this.id = `gateway${slot}`;
    this.hosts = Array.from({ length: PLACES }, (_, place) => {
      const { lan, wan } = gatewayAddresses(dc, slot, place);
      return simulation.host({
        name: `${this.id}.${dc} at ${wan}`,
        addresses: [
          { address: lan, segment: lanSegment(dc) },
          { address: wan, segment: 'wan' },
        ],
      });
    });
  }

  get up(): boolean {
    return this.#process !== undefined;
  }

  get addresses(): { readonly lan: string; readonly wan: string } {
    return gatewayAddresses(this.dc, this.#options.slot, this.#place);
  }

  get mayMove(): boolean {
    return this.#place + 1 < PLACES;
  }

  /** Starts again elsewhere. */
  move(): void {
    this.kill();
    this.#place += 1;
    this.start();
  }

  kill(): void {
    this.#process = undefined;
    this.#host.kill();
  }

  crash(): void {
    this.#process = undefined;
    this.#host.crash();
  }

  start(): void {
    if (this.up) return;
    const { world } = this.#host;
    const { lan, wan } = this.addresses;
    const client = createAgentClient(() => this.#options.agent.atWork, world.clock);
    const places = [
      { host: lan, port: GATEWAY_PORT },
      { host: wan, port: GATEWAY_PORT },
    ];
    this.#process = startGatewayProcess({
      world,
      log: this.log,
      agent: createAgentDoor({ client, clock: world.clock, log: this.log }),
      listenAt: places,
      own: places,
      exposesServers: true,
      drainMs: 1_000,
      registration: makeRegistration(
        {
          service: 'mesh-gateway',
          id: this.id,
          address: `${lan}:${GATEWAY_PORT}`,
          wanAddress: `${wan}:${GATEWAY_PORT}`,
          bindAddresses: [],
          exposesServers: true,
          deregisterAfter: '6h',
        },
        world.network.interfaces(),
      ),
    });
  }

  get #host(): SimulatedHost {
    const host = this.hosts[this.#place];
    if (host === undefined) throw new Error(`${this.id}.${this.dc} has no place ${this.#place}`);
    return host;
  }
}
