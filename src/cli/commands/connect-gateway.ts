/**
 * `connect gateway`: a mesh gateway without Envoy, as a process beside its agent. The flags are those
 * of Consul's `connect envoy` as far as they concern a mesh gateway.
 */

import { createBus } from '../../../actors/bus.ts';
import { type Inspector, startInspector } from '../../../actors/console.ts';
import { startGatewayProcess } from '../../../actors/gateway/gateway-process.ts';
import { textOf } from '../../error-text.ts';
import type { FlagSpec, Flags } from '../../flags.ts';
import { type AgentDoor, createAgentDoor } from '../../gateway/agent-door.ts';
import type { Address } from '../../gateway/instances.ts';
import {
  GatewayArgumentError,
  listenAddresses,
  makeRegistration,
  type Registration,
} from '../../gateway/registration.ts';
import { parseGoDuration } from '../../go-duration.ts';
import type { Log } from '../../log.ts';
import { checkFreePort } from '../../world/free-port.ts';
import type { World } from '../../world/world.ts';
import { AGENT_FLAGS, openHttpClient } from '../agent-api.ts';
import { type Command, CommandError } from '../command.ts';

const DEFAULT_SERVICE = 'mesh-gateway';
const DEFAULT_DRAIN = '10s';
const DEFAULT_INSPECT_ADDRESS = '127.0.0.1';
/** The one after the agent's, which often runs beside. */
const DEFAULT_INSPECT_PORT = 8598;
const NS_PER_MS = 1e6;
const ANY_ADDRESSES = ['0.0.0.0', '::'];

export interface GatewaySurroundings {
  readonly world: World;
  /** Where the log lines of a running gateway go. */
  openLog(): Log;
  /** Calls `interrupted` at the first SIGINT, SIGTERM or SIGHUP. */
  watch(interrupted: () => void): void;
}

const FLAGS: readonly FlagSpec[] = [
  { name: 'gateway', kind: 'string', help: 'Kind of the gateway: `mesh`.' },
  { name: 'mesh-gateway', kind: 'bool', help: 'Old form of -gateway=mesh.' },
  { name: 'register', kind: 'bool', help: 'Register the gateway at the agent, and keep it so.' },
  {
    name: 'expose-servers',
    kind: 'bool',
    help: 'Let servers of other datacenters reach those of this one (WAN federation).',
  },
  {
    name: 'service',
    kind: 'string',
    help: 'Name of the gateway as a service.',
    fallback: DEFAULT_SERVICE,
  },
  { name: 'proxy-id', kind: 'string', help: 'Id of the gateway; the service name when absent.' },
  { name: 'address', kind: 'string', help: 'LAN address: ip:port. Templates are expanded.' },
  { name: 'wan-address', kind: 'string', help: 'Address for other datacenters: ip:port.' },
  {
    name: 'bind-address',
    kind: 'list',
    help: 'name=ip:port to listen on instead. May be repeated.',
  },
  {
    name: 'deregister-after-critical',
    kind: 'duration',
    help: 'Time after which the agent forgets a dead gateway.',
    fallback: '6h',
  },
  {
    name: 'drain-time',
    kind: 'duration',
    help: 'How long open connections may go on when the gateway ends.',
    fallback: DEFAULT_DRAIN,
  },
  { name: 'inspect', kind: 'bool', help: 'Show the actors at a local web page.' },
  {
    name: 'inspect-address',
    kind: 'string',
    help: 'Loopback address of that page.',
    fallback: DEFAULT_INSPECT_ADDRESS,
  },
  {
    name: 'inspect-port',
    kind: 'int',
    help: 'Its port; 0 picks a free one.',
    fallback: String(DEFAULT_INSPECT_PORT),
  },
];

export function connectGatewayCommand(surroundings: GatewaySurroundings): Command {
  return {
    path: ['connect', 'gateway'],
    synopsis: 'Runs a mesh gateway: the one door of a datacenter',
    parameters: '',
    flags: [...FLAGS, ...AGENT_FLAGS],
    run: async (flags, terminal) => {
      const { world } = surroundings;
      const registers = checkFlags(flags);
      const drainMs = durationMs(flags, 'drain-time', DEFAULT_DRAIN);
      const log = surroundings.openLog();
      const client = await openHttpClient(flags, terminal, world.disk);
      const agent = createAgentDoor({ client, clock: world.clock, log });
      const setup = registers ? ownSetup(flags, world) : await registeredSetup(flags, agent);
      await checkListening(world, setup.listenAt);
      const bus = createBus({ clock: world.clock, log });
      const inspector = flags.bool('inspect')
        ? await openInspector(flags, { world, log: log.child('inspector'), bus })
        : undefined;
      const inspect = inspector === undefined ? {} : { inspect: inspector.inspect };
      const gateway = startGatewayProcess({
        world,
        log,
        agent,
        drainMs,
        bus,
        ...inspect,
        ...setup,
      });
      surroundings.watch(() => void gateway.shutdown());
      try {
        await gateway.ended;
      } catch (error) {
        throw refusal(failureText(error), error);
      } finally {
        await inspector?.close();
        client.close();
      }
      return 0;
    },
  };
}

/** The doors open when servers are known; that they can be opened is to be known before. */
async function checkListening(world: World, listenAt: readonly Address[]): Promise<void> {
  for (const { host, port } of listenAt) {
    try {
      await checkFreePort(world.network, { address: host, port });
    } catch (error) {
      throw refusal(textOf(error), error);
    }
  }
}

async function openInspector(
  flags: Flags,
  deps: Pick<Parameters<typeof startInspector>[0], 'world' | 'log' | 'bus'>,
): Promise<Inspector> {
  const address = flags.string('inspect-address') ?? DEFAULT_INSPECT_ADDRESS;
  const port = flags.int('inspect-port') ?? DEFAULT_INSPECT_PORT;
  const name = flags.string('proxy-id') || flags.string('service') || DEFAULT_SERVICE;
  try {
    return await startInspector({ ...deps, name, pid: process.pid, at: { address, port } });
  } catch (error) {
    const why = textOf(error);
    throw refusal(`Error starting the inspector: ${why}`, error);
  }
}

interface Setup {
  readonly listenAt: readonly Address[];
  readonly own: readonly Address[];
  readonly exposesServers: boolean;
  readonly registration?: Registration;
}

/** Refuses in Consul's order and words; returns whether the gateway registers itself. */
function checkFlags(flags: Flags): boolean {
  const old = flags.bool('mesh-gateway');
  if (old && flags.has('gateway')) {
    throw refusal(
      'The mesh-gateway flag is deprecated and cannot be used alongside the gateway flag',
    );
  }
  const kind = old ? 'mesh' : (flags.string('gateway') ?? '');
  const registers = flags.bool('register');
  if (flags.bool('expose-servers')) {
    if (kind !== 'mesh') throw refusal("'-expose-servers' can only be used for mesh gateways");
    if (!registers) throw refusal("'-expose-servers' requires '-register'");
  }
  if (kind !== '' && !['terminating', 'mesh', 'ingress'].includes(kind)) {
    throw refusal('Gateway must be one of: terminating, mesh, or ingress');
  }
  if (kind === '' && registers) throw refusal('Auto-Registration can only be used for gateways');
  if (kind === '' && !flags.string('proxy-id')) {
    throw refusal('No proxy ID specified. One of -proxy-id, -sidecar-for, or -gateway is required');
  }
  if (kind === 'terminating' || kind === 'ingress') {
    throw refusal(`The built-in gateway is a mesh gateway; -gateway=${kind} needs an Envoy`);
  }
  if (flags.rest.length > 0) {
    throw refusal(`Unexpected extra arguments: [${flags.rest.join(' ')}]`);
  }
  return registers;
}

/** What the flags make of it. */
function ownSetup(flags: Flags, world: World): Setup {
  const service = flags.string('service') || DEFAULT_SERVICE;
  const deregisterAfter = flags.string('deregister-after-critical') ?? '6h';
  durationMs(flags, 'deregister-after-critical', '6h');
  const exposesServers = flags.bool('expose-servers');
  const request = {
    service,
    id: flags.string('proxy-id') || service,
    address: flags.string('address') ?? '',
    wanAddress: flags.string('wan-address') ?? '',
    bindAddresses: flags.list('bind-address'),
    exposesServers,
    deregisterAfter,
  };
  try {
    const registration = makeRegistration(request, world.network.interfaces());
    return {
      ...addressesOf(registration, registration.Proxy?.Config),
      exposesServers,
      registration,
    };
  } catch (error) {
    if (error instanceof GatewayArgumentError) throw refusal(error.message, error);
    throw error;
  }
}

/** What the agent knows of a gateway that was registered before. */
async function registeredSetup(flags: Flags, agent: AgentDoor): Promise<Setup> {
  const id = flags.string('proxy-id');
  try {
    const service = id ? await agent.service(id) : (await agent.gateways())[0];
    if (service === undefined) {
      throw refusal('No mesh-gateway services registered with this agent');
    }
    return {
      ...addressesOf(service, service.Proxy?.Config),
      exposesServers: service.Meta?.['consul-wan-federation'] === '1',
    };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw refusal(
      `Error reading the agent: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
}

interface Addressed {
  readonly Address: string;
  readonly Port: number;
  readonly TaggedAddresses?:
    | Readonly<Record<string, { readonly Address: string; readonly Port: number }>>
    | null
    | undefined;
}

function addressesOf(
  service: Addressed,
  config: object | null | undefined,
): { readonly listenAt: readonly Address[]; readonly own: readonly Address[] } {
  const listenAt = listenAddresses({
    Address: service.Address,
    Port: service.Port,
    TaggedAddresses: service.TaggedAddresses,
    Config: { ...config },
  });
  const tagged = Object.values(service.TaggedAddresses ?? {});
  const own = [
    ...listenAt,
    { host: service.Address, port: service.Port },
    ...tagged.map(({ Address, Port }) => ({ host: Address, port: Port })),
  ].filter(({ host }) => host !== '' && !ANY_ADDRESSES.includes(host));
  return { listenAt, own };
}

function durationMs(flags: Flags, name: string, fallback: string): number {
  const text = flags.string(name) ?? fallback;
  const ns = parseGoDuration(text);
  if (ns === null || ns < 0) {
    throw refusal(`invalid value ${JSON.stringify(text)} for flag -${name}: parse error`);
  }
  return ns / NS_PER_MS;
}

/** The supervisor says that it gave up; the failure that made it do so is its cause. */
function failureText(error: unknown): string {
  const failure = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return textOf(failure);
}

function refusal(text: string, cause?: unknown): CommandError {
  return new CommandError(`==> ${text}`, { cause });
}
