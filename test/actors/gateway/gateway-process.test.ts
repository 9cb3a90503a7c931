// Whole gateway processes against agents whose HTTP door is played; sockets and TLS are real.

import { once } from 'node:events';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { connectGatewayCommand } from '../../../src/cli/commands/connect-gateway.ts';
import { runCommandLine } from '../../../src/cli/run.ts';
import { createMemoryLog, type MemoryLog } from '../../../src/log.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';
import { TestAgent } from '../../support/agent-door.ts';
import { gateway, server } from '../../support/instances.ts';
import { createMemoryTerminal, readRecordedRun } from '../../support/terminal.ts';
import { testCa, testCertificate } from '../../support/tls-files.ts';

const world = createNodeWorld();
const identity = testCertificate('s1.server.dc2.consul', 'server.dc2.consul');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function testAgent(datacenter: string): Promise<TestAgent> {
  const agent = new TestAgent(datacenter);
  await agent.listen();
  cleanups.push(() => agent.close());
  return agent;
}

async function freePort(): Promise<number> {
  const listener = await world.network.listenTcp({ address: '127.0.0.1', port: 0 }, () => {});
  await listener.close();
  return listener.endpoint.port;
}

interface RunningCommand {
  readonly log: MemoryLog;
  readonly ended: Promise<{ exit: number; stderr: string }>;
  interrupt(): void;
}

function run(line: string): RunningCommand {
  const log = createMemoryLog();
  let interrupt = (): void => {};
  const terminal = createMemoryTerminal();
  const command = connectGatewayCommand({
    world,
    openLog: () => log,
    watch: (interrupted) => {
      interrupt = interrupted;
    },
  });
  const ended = runCommandLine('mobius', [command], line.split(' '), terminal).then((exit) => ({
    exit,
    stderr: terminal.stderr(),
  }));
  const running = { log, ended, interrupt: () => interrupt() };
  cleanups.push(() => {
    running.interrupt();
    return ended;
  });
  return running;
}

function runGateway(agent: TestAgent, port: number, more = ''): RunningCommand {
  return run(
    `connect gateway -gateway=mesh -register -expose-servers -http-addr=${agent.url} ` +
      `-address=127.0.0.1:${port} -drain-time=100ms ${more}`.trim(),
  );
}

async function tlsEcho(): Promise<number> {
  const options = { cert: identity.certPem, key: identity.keyPem };
  const listener = tls.createServer(options, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  cleanups.push(() => listener.close());
  return (listener.address() as { port: number }).port;
}

/** What comes back through the gateway at `port`, or how it failed. */
function ask(port: number, servername: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername, ca: testCa.certPem });
    socket.on('secureConnect', () => socket.write('hello'));
    socket.on('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('closed'));
  });
}

const registered = (agent: TestAgent) =>
  expect.poll(() => agent.services.has('mesh-gateway'), { interval: 5 });

describe('connect gateway', () => {
  it('leads through two datacenters, and follows what their agents learn', async () => {
    const [one, two] = [await testAgent('dc1'), await testAgent('dc2')];
    const [port1, port2] = [await freePort(), await freePort()];
    const target = await tlsEcho();
    one.set('/v1/health/service/consul', [server({ node: 's9', port: 1 })]);
    two.set('/v1/health/service/consul', [
      server({ node: 's1', address: '127.0.0.1', port: target }),
    ]);
    runGateway(one, port1);
    const second = runGateway(two, port2);
    await registered(one).toBe(true);
    await registered(two).toBe(true);

    expect(await ask(port2, 's1.server.dc2.consul')).toBe('hello');
    expect(await ask(port1, 's1.server.dc2.consul')).not.toBe('hello');
    one.set('/v1/internal/federation-states/mesh-gateways', {
      dc2: [gateway({ port: 1, wan: { Address: '127.0.0.1', Port: port2 } })],
    });
    await expect.poll(() => ask(port1, 's1.server.dc2.consul')).toBe('hello');
    expect(await ask(port1, 'server.dc2.consul')).toBe('hello');

    second.interrupt();
    expect(await second.ended).toEqual({ exit: 0, stderr: '' });
    expect(two.services.size).toBe(0);
    expect(await ask(port1, 's1.server.dc2.consul')).not.toBe('hello');
  });

  it('opens and registers only when a server is known', async () => {
    const agent = await testAgent('dc1');
    const port = await freePort();
    const { log } = runGateway(agent, port);
    expect(await ask(port, 's1.server.dc2.consul')).toContain('ECONNREFUSED');
    expect(agent.services.size).toBe(0);
    agent.set('/v1/health/service/consul', [server({ port: 1 })]);
    await registered(agent).toBe(true);
    expect(agent.services.get('mesh-gateway')).toMatchObject({
      Kind: 'mesh-gateway',
      Port: port,
      Meta: { 'consul-wan-federation': '1' },
      Check: { TCP: `127.0.0.1:${port}`, Name: 'mesh-gateway listening' },
    });
    const texts = () => log.lines.map(({ text }) => text);
    await expect.poll(texts).toContain('Registered service: mesh-gateway');
  });

  it('waits for an agent that is not there yet or refuses, saying so once', async () => {
    const agent = await testAgent('dc1');
    agent.set('/v1/health/service/consul', [server({ port: 1 })]);
    agent.outage = { status: 500, body: 'No cluster leader' };
    const { log } = runGateway(agent, await freePort());
    await expect.poll(() => log.lines.length).toBeGreaterThan(2);
    agent.outage = undefined;
    await registered(agent).toBe(true);
    const complaints = log.lines.filter(({ text }) => text === 'cannot read the agent');
    expect(complaints).toHaveLength(3);
    expect(String(complaints[0]?.fields['error'])).toContain('500 (No cluster leader)');
  });

  it('runs a gateway that somebody else has registered, and leaves it registered', async () => {
    const agent = await testAgent('dc2');
    const [port, target] = [await freePort(), await tlsEcho()];
    agent.set('/v1/health/service/consul', [
      server({ node: 's1', address: '127.0.0.1', port: target }),
    ]);
    agent.services.set('gw', {
      Kind: 'mesh-gateway',
      ID: 'gw',
      Service: 'gw',
      Address: '127.0.0.1',
      Port: port,
      Meta: { 'consul-wan-federation': '1' },
    });
    const { ended, interrupt } = run(`connect gateway -gateway=mesh -http-addr=${agent.url}`);
    await expect.poll(() => ask(port, 's1.server.dc2.consul')).toBe('hello');
    interrupt();
    expect((await ended).exit).toBe(0);
    expect(agent.services.size).toBe(1);
  });

  it('says why it cannot listen and ends', async () => {
    const agent = await testAgent('dc1');
    agent.set('/v1/health/service/consul', [server({ port: 1 })]);
    const taken = await world.network.listenTcp({ address: '127.0.0.1', port: 0 }, () => {});
    cleanups.push(() => taken.close());
    const { port } = taken.endpoint;
    const { exit, stderr } = await runGateway(agent, port).ended;
    expect(exit).toBe(1);
    expect(stderr).toMatch(new RegExp(`^==> listen tcp 127\\.0\\.0\\.1:${port}: .*in use\n$`));
    expect(agent.services.size).toBe(0);
  });

  it.each([
    [
      '-mesh-gateway -gateway=mesh',
      'The mesh-gateway flag is deprecated and cannot be used alongside the gateway flag',
    ],
    [
      '-gateway=ingress -register -expose-servers',
      "'-expose-servers' can only be used for mesh gateways",
    ],
    ['-gateway=mesh -expose-servers', "'-expose-servers' requires '-register'"],
    ['-gateway=x', 'Gateway must be one of: terminating, mesh, or ingress'],
    ['-register -proxy-id=x', 'Auto-Registration can only be used for gateways'],
    [
      '-gateway=terminating',
      'The built-in gateway is a mesh gateway; -gateway=terminating needs an Envoy',
    ],
    [
      '-gateway=mesh -register -address=203.0.113.9',
      'The LAN address "203.0.113.9" will not be bindable. Either set a bindable address or override the bind addresses with -bind-address',
    ],
    ['-gateway=mesh -register -bind-address=127.0.0.1:1', 'Missing "=" in argument: 127.0.0.1:1'],
    [
      '-gateway=mesh -register -deregister-after-critical=x',
      'invalid value "x" for flag -deregister-after-critical: parse error',
    ],
    ['-gateway=mesh foo', 'Unexpected extra arguments: [foo]'],
    [
      '-gateway=mesh -http-addr=127.0.0.1:1',
      'Error reading the agent: connect ECONNREFUSED 127.0.0.1:1',
    ],
  ])('refuses %s', async (flags, text) => {
    const { exit, stderr } = await run(`connect gateway ${flags}`).ended;
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: `==> ${text}\n` });
  });

  it('refuses to be nobody, as the recorded run did', async () => {
    const recorded = readRecordedRun('connect-envoy-no-args');
    const { exit, stderr } = await run('connect gateway').ended;
    expect({ exit, stderr: stderr.trim() }).toEqual({
      exit: recorded.exit,
      stderr: recorded.stderr.trim(),
    });
  });

  it('refuses when the agent knows no gateway', async () => {
    const agent = await testAgent('dc1');
    const { stderr } = await run(`connect gateway -gateway=mesh -http-addr=${agent.url}`).ended;
    expect(stderr).toBe('==> No mesh-gateway services registered with this agent\n');
  });
});
