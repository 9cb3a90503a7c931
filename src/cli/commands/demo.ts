/** `demo`: a federation on this machine, from nothing to the first answer across datacenters. */

import { createBus } from '../../../actors/bus.ts';
import { type Inspector, startInspector } from '../../../actors/console.ts';
import { startDemo } from '../../../actors/demo/demo.ts';
import { createDemoFiles } from '../../demo/files.ts';
import {
  DATACENTERS_MAX,
  DEMO_NETWORK,
  type DemoPlan,
  demoInspectorAt,
  inspectors,
  planDemo,
  SERVERS_MAX,
} from '../../demo/plan.ts';
import { jsonReport, textReport } from '../../demo/report.ts';
import { textOf } from '../../error-text.ts';
import type { Flags } from '../../flags.ts';
import { silentLog } from '../../log.ts';
import type { World } from '../../world/world.ts';
import { type Command, CommandError } from '../command.ts';

const GOSSIP_KEY_BYTES = 32;
const FOLDER_NAME_BYTES = 6;
/** Exit code of an interrupted program, as shells have it for SIGINT. */
const INTERRUPTED = 130;

export interface DemoSurroundings {
  readonly world: World;
  /** Path of the bundle that the children run. */
  readonly script: string;
  /** Folder for temporary files. */
  readonly temporary: string;
  /** Calls `interrupted` at the first SIGINT, SIGTERM or SIGHUP, and `ended` as the process ends. */
  watch(interrupted: () => void, ended: () => void): void;
}

export function demoCommand(surroundings: DemoSurroundings): Command {
  return {
    path: ['demo'],
    synopsis: 'Starts datacenters on this machine, federated through mesh gateways',
    parameters: '',
    flags: [
      { name: 'datacenters', kind: 'int', help: 'How many datacenters.', fallback: '2' },
      { name: 'servers', kind: 'int', help: 'Servers of each datacenter.', fallback: '1' },
      {
        name: 'network',
        kind: 'string',
        help: 'First two bytes of the loopback addresses.',
        fallback: DEMO_NETWORK,
      },
      { name: 'once', kind: 'bool', help: 'Check that it works, stop, exit 0 or 1.' },
      { name: 'json', kind: 'bool', help: 'One JSON object a line.' },
      { name: 'keep', kind: 'bool', help: 'Leave files and logs behind.' },
      { name: 'inspect', kind: 'bool', help: 'Let every process show its actors.' },
    ],
    run: (flags, terminal) => run(flags, surroundings, (text) => terminal.out(text)),
  };
}

async function run(
  flags: Flags,
  surroundings: DemoSurroundings,
  out: (text: string) => void,
): Promise<number> {
  const { world } = surroundings;
  const datacenters = count(flags, 'datacenters', 2, DATACENTERS_MAX);
  const servers = count(flags, 'servers', 1, SERVERS_MAX);
  const network = networkOf(flags);
  const mode = flags.bool('once') ? 'once' : 'stay';
  const suffix = Buffer.from(world.random.bytes(FOLDER_NAME_BYTES)).toString('hex');
  const folder = `${surroundings.temporary}/mobius-demo-${suffix}`;
  const plan = planDemo({
    network,
    datacenters,
    servers,
    folder,
    encrypt: Buffer.from(world.random.bytes(GOSSIP_KEY_BYTES)).toString('base64'),
    inspect: flags.bool('inspect'),
  });
  const beganMs = world.clock.monotonic();
  const sink = { out, elapsedMs: () => world.clock.monotonic() - beganMs };
  const reporter = flags.bool('json') ? jsonReport(sink) : textReport(plan, mode, sink);
  const inspector = flags.bool('inspect') ? await openInspector(plan, world) : undefined;
  if (inspector !== undefined) reporter.inspector(inspector.url);
  const demo = startDemo({
    world,
    plan,
    files: createDemoFiles(world, folder, flags.bool('keep') ? 'keep' : 'remove'),
    mode,
    script: surroundings.script,
    reporter,
    ...(inspector === undefined ? {} : { inspect: inspector.inspect }),
  });
  surroundings.watch(
    () => demo.interrupt(),
    () => demo.kill(),
  );
  const ending = await demo.ended;
  await inspector?.close();
  reporter.ended(ending);
  if (ending.kind === 'failed') return 1;
  return ending.kind === 'interrupted' && mode === 'once' ? INTERRUPTED : 0;
}

/** The demo's own page. The demo has no bus: what it does is in its one machine. */
async function openInspector(plan: DemoPlan, world: World): Promise<Inspector> {
  try {
    return await startInspector({
      world,
      log: silentLog,
      bus: createBus({ clock: world.clock, log: silentLog }),
      name: 'demo',
      pid: process.pid,
      at: demoInspectorAt(plan),
      neighbours: inspectors(plan),
    });
  } catch (error) {
    const why = textOf(error);
    throw new CommandError(`the inspector cannot start: ${why}`, { cause: error });
  }
}

function count(flags: Flags, name: string, fallback: number, max: number): number {
  const value = flags.int(name) ?? fallback;
  if (value < 1 || value > max) {
    throw new CommandError(`-${name} must be between 1 and ${max}, got ${value}`);
  }
  return value;
}

function networkOf(flags: Flags): string {
  const network = flags.string('network') ?? DEMO_NETWORK;
  const second = /^127\.(\d{1,3})$/.exec(network)?.[1];
  if (second === undefined || Number(second) > 255) {
    throw new CommandError(`-network must look like ${DEMO_NETWORK}, got ${network}`);
  }
  return network;
}
