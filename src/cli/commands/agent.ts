/** `agent`: runs a server or client until it is told to stop. */

import { type RunningAgent, startAgent } from '../../../actors/agent/start.ts';
import { bindProcessSignals, type SignalSource } from '../../../actors/process-signals.ts';
import { AGENT_FLAGS } from '../../config/flags.ts';
import { loadPlan, requestOfFlags } from '../../config/load.ts';
import type { AgentPlan } from '../../config/plan.ts';
import { textOf } from '../../error-text.ts';
import type { FlagSpec } from '../../flags.ts';
import type { Log, LogLevel } from '../../log.ts';
import { CONSUL_VERSION, MOBIUS_VERSION } from '../../version.ts';
import type { World } from '../../world/world.ts';
import { type Command, CommandError } from '../command.ts';

const DEFAULT_INSPECT_ADDRESS = '127.0.0.1';
const DEFAULT_INSPECT_PORT = 8599;

const INSPECT_FLAGS: readonly FlagSpec[] = [
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

export interface AgentSurroundings {
  readonly world: World;
  readonly hostname: string;
  /** Arguments behind `agent`: files are read in their order. */
  readonly args: () => readonly string[];
  readonly signals: SignalSource;
  readonly logAt: (level: LogLevel) => Log;
  /** Ends the process at once: somebody is impatient. */
  readonly abort: () => void;
}

export function agentCommand(surroundings: AgentSurroundings): Command {
  return {
    path: ['agent'],
    synopsis: 'Runs an agent',
    parameters: '',
    flags: [...AGENT_FLAGS, ...INSPECT_FLAGS],
    async run(flags, terminal) {
      const { world, hostname, args, signals, abort } = surroundings;
      const request = requestOfFlags(flags, args());
      if ('refusal' in request) throw new CommandError(`==> ${request.refusal}`);
      const loaded = await loadPlan(request, world, hostname);
      for (const warning of loaded.warnings) terminal.err(`==> ${warning}\n`);
      if (!loaded.ok) throw new CommandError(`==> ${loaded.text}`);
      const { plan } = loaded;
      terminal.out('==> Starting mobius agent...\n');
      const log = surroundings.logAt(levelOf(plan));
      const inspectAt = flags.bool('inspect')
        ? {
            address: flags.string('inspect-address') ?? DEFAULT_INSPECT_ADDRESS,
            port: flags.int('inspect-port') ?? DEFAULT_INSPECT_PORT,
          }
        : undefined;
      const agent = await started({ plan, material: loaded.tls, world, log, inspectAt });
      terminal.out(banner(plan, agent));
      const unbind = bindProcessSignals({
        source: signals,
        post: agent.bus.postFor('process'),
        impatient: abort,
      });
      try {
        const ending = await endingOf(agent);
        if (ending.kind === 'failed') throw new CommandError(`==> ${ending.text}`);
        return 0;
      } finally {
        unbind();
      }
    },
  };
}

/** What no restart could mend ends the process with one line. */
async function endingOf(agent: RunningAgent): Promise<Awaited<RunningAgent['ended']>> {
  try {
    return await agent.ended;
  } catch (error) {
    throw new CommandError(`==> Agent failed: ${textOf(error)}`, { cause: error });
  }
}

async function started(
  request: Omit<Parameters<typeof startAgent>[0], 'inspectAt'> & {
    readonly inspectAt: Parameters<typeof startAgent>[0]['inspectAt'] | undefined;
  },
): Promise<RunningAgent> {
  const { inspectAt, ...rest } = request;
  try {
    return await startAgent({ ...rest, ...(inspectAt === undefined ? {} : { inspectAt }) });
  } catch (error) {
    const why = textOf(error);
    throw new CommandError(`==> Error starting agent: ${why}`, { cause: error });
  }
}

const LEVELS: Readonly<Record<string, LogLevel>> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  WARNING: 'warn',
  ERR: 'error',
  ERROR: 'error',
};

function levelOf(plan: AgentPlan): LogLevel {
  return LEVELS[plan.log.level] ?? 'info';
}

/** Labels right-aligned to this column, as Consul's banner has them. */
const LABEL_COLUMN = 18;

function banner(plan: AgentPlan, agent: RunningAgent): string {
  const server = plan.role === 'server';
  const { ports, addresses } = plan;
  const port = (value: number | null): string => String(value ?? -1);
  const doors = `HTTP: ${port(ports.http)}, HTTPS: ${port(ports.https)}, gRPC: ${port(ports.grpc)}, DNS: ${port(ports.dns)}`;
  const tlsIn = plan.tls.verifyIncoming || plan.tls.verifyIncomingRpc;
  const rows: readonly (readonly [string, string])[] = [
    ['Version', `'${MOBIUS_VERSION}' (speaks as Consul ${CONSUL_VERSION})`],
    ['Node ID', `'${agent.nodeId}'`],
    ['Node name', `'${plan.node.name}'`],
    ['Datacenter', `'${plan.datacenter}' (Segment: '${server ? '<all>' : ''}')`],
    ['Server', `${server} (Bootstrap: ${plan.bootstrap.kind === 'single'})`],
    ['Client Addr', `[${addresses.client.join(' ')}] (${doors})`],
    [
      'Cluster Addr',
      `${addresses.advertiseLan} (LAN: ${ports.serfLan}, WAN: ${port(ports.serfWan)})`,
    ],
    [
      'Encrypt',
      `Gossip: ${plan.gossip.encryptKey !== undefined}, TLS-Outgoing: ${plan.tls.verifyOutgoing}, ` +
        `TLS-Incoming: ${tlsIn}, Auto-Encrypt-TLS: false`,
    ],
    ...(agent.inspector === undefined ? [] : [['Inspector', agent.inspector.url] as const]),
  ];
  const lines = rows.map(([label, text]) => `${label.padStart(LABEL_COLUMN)}: ${text}\n`).join('');
  return `${lines}\n==> Log data will now stream in as it occurs:\n\n`;
}
