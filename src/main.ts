/** The process entry: what the command line names, run in the real world. */

import { hostname, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ALL_MACHINES } from '../machines/all.ts';
import { ROUTES } from '../machines/routes.ts';
import type { Command, Terminal } from './cli/command.ts';
import { agentCommand } from './cli/commands/agent.ts';
import { catalogCommands } from './cli/commands/catalog.ts';
import { clusterCommands } from './cli/commands/cluster.ts';
import { connectGatewayCommand } from './cli/commands/connect-gateway.ts';
import { demoCommand } from './cli/commands/demo.ts';
import { houseCommands } from './cli/commands/house.ts';
import { keyringCommand } from './cli/commands/keyring.ts';
import { kvCommands } from './cli/commands/kv.ts';
import { localCommands } from './cli/commands/local.ts';
import { monitorCommand } from './cli/commands/monitor.ts';
import { operatorCommands } from './cli/commands/operator.ts';
import { snapshotCommands } from './cli/commands/snapshot.ts';
import { tlsCommands } from './cli/commands/tls.ts';
import { validateCommand } from './cli/commands/validate.ts';
import { runCommandLine } from './cli/run.ts';
import { createPinoLog } from './log-pino.ts';
import { createNodeWorld } from './world/node/node-world.ts';

const world = createNodeWorld();

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  environment: process.env,
  async readInput() {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  },
};

function onSignals(interrupted: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupted);
}

const commands: readonly Command[] = [
  agentCommand({
    world,
    hostname: hostname(),
    args: () => process.argv.slice(3),
    signals: process,
    logAt: (level) => createPinoLog({ level, fd: 1 }),
    abort: () => process.exit(1),
  }),
  ...catalogCommands(world.disk),
  ...clusterCommands(world.disk),
  keyringCommand(world.disk),
  ...kvCommands(world.disk),
  monitorCommand(world.disk, onSignals),
  ...snapshotCommands(world.disk),
  ...operatorCommands(world.disk),
  ...localCommands(world.random),
  ...tlsCommands(world),
  validateCommand(world, hostname()),
  ...houseCommands({ routes: ROUTES, machines: ALL_MACHINES }, world.disk),
  connectGatewayCommand({
    world,
    openLog: () => createPinoLog({ level: 'info', fd: 1 }),
    watch: onSignals,
  }),
  demoCommand({
    world,
    script: fileURLToPath(import.meta.url),
    temporary: tmpdir(),
    watch(interrupted, ended) {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
        process.on(signal, interrupted);
      process.on('exit', ended);
    },
  }),
];

// Only a child of the demo has a channel; when the other end is gone, nobody else ends this process.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

const code = await runCommandLine('mobius', commands, process.argv.slice(2), terminal);
// Sockets that others keep open must not keep the process: what had to be closed has been closed.
process.stdout.write('', () => process.exit(code));
