// Whoever listens on the loopback device during a whole demo sees no packet pass from one datacenter
// into another but to and from the WAN port of a mesh gateway.

import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { figure, NETWORK, runProgram, skipLoudly, temporaryFolder, until } from './program.ts';

const SCRIPT = fileURLToPath(new URL('./peers/capture.py', import.meta.url));
const GATEWAY_HOST = 100;
const GATEWAY_LAN_PORT = 8443;
const GATEWAY_WAN_PORT = 8444;
const HTTP_PORT = 8500;
const OPEN_TO_ALL: readonly number[] = [HTTP_PORT, GATEWAY_LAN_PORT];
const TCP = 6;
const UDP = 17;

const python = spawnSync('python3', ['--version']).status === 0;
const root = process.getuid?.() === 0;
const reason = !python ? 'python3 is not installed' : 'capturing packets needs root';
if (!python || !root) skipLoudly('that no packet passes by the gateways', reason);

interface Flow {
  readonly protocol: number;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly packets: number;
  readonly bytes: number;
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** 0: not one of the demo's. */
  readonly datacenter: number;
  readonly host: number;
}

function endpoint(address: string, port: number): Endpoint {
  const [datacenter = 0, host = 0] = address.startsWith(`${NETWORK}.`)
    ? address.split('.').slice(2).map(Number)
    : [];
  return { address, port, datacenter, host };
}

interface Captured {
  readonly dropped: number;
  readonly flows: readonly Flow[];
}

/** Captures while `work` runs. */
async function capture(work: () => Promise<void>): Promise<Captured> {
  const child = spawn('python3', [SCRIPT, NETWORK], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  try {
    await until('the capture runs', 10_000, () => output.startsWith('ready\n'));
    await work();
  } finally {
    child.kill('SIGTERM');
    await closed;
  }
  const seen = JSON.parse(output.slice('ready\n'.length)) as {
    readonly dropped: number;
    readonly flows: readonly (readonly [number, string, number, string, number, number, number])[];
  };
  return {
    dropped: seen.dropped,
    flows: seen.flows.map(([protocol, source, sourcePort, target, targetPort, packets, bytes]) => ({
      protocol,
      from: endpoint(source, sourcePort),
      to: endpoint(target, targetPort),
      packets,
      bytes,
    })),
  };
}

function isDoor({ host, port }: Endpoint): boolean {
  return host === GATEWAY_HOST && port === GATEWAY_WAN_PORT;
}

function text({ protocol, from, to, packets }: Flow): string {
  const name = protocol === TCP ? 'tcp' : protocol === UDP ? 'udp' : String(protocol);
  return `${name} ${from.address}:${from.port} → ${to.address}:${to.port}: ${packets} packets`;
}

function crosses({ from, to }: Flow): boolean {
  return from.datacenter !== 0 && to.datacenter !== 0 && from.datacenter !== to.datacenter;
}

/** Packets per pair of datacenters, in the direction in which the connection was made. */
function table(flows: readonly Flow[]): readonly string[] {
  const sums = new Map<string, { packets: number; bytes: number }>();
  for (const flow of flows) {
    const out = isDoor(flow.to);
    const [client, door] = out ? [flow.from, flow.to] : [flow.to, flow.from];
    const key = `dc${client.datacenter} ${out ? '→' : '←'} ${door.address}:${door.port} of dc${door.datacenter}`;
    const sum = sums.get(key) ?? { packets: 0, bytes: 0 };
    sums.set(key, { packets: sum.packets + flow.packets, bytes: sum.bytes + flow.bytes });
  }
  return [...sums].sort().map(([key, { packets, bytes }]) => `${key}: ${packets}, ${bytes} bytes`);
}

describe.skipIf(!python || !root)('packets on the loopback device', () => {
  for (const [datacenters, servers] of [
    [2, 1],
    [3, 3],
  ] as const) {
    test(`of a demo with ${datacenters} datacenters of ${servers}`, async () => {
      const temporary = temporaryFolder();
      const { dropped, flows } = await capture(async () => {
        const counts = [`--datacenters=${datacenters}`, `--servers=${servers}`];
        const { code, lines } = await runProgram(
          ['demo', `-network=${NETWORK}`, '--once', ...counts],
          temporary.path,
        );
        expect(lines.slice(code === 0 ? lines.length : 0)).toEqual([]);
      });
      temporary.remove();
      expect(dropped).toBe(0);

      const crossing = flows.filter(crosses);
      const forbidden = crossing.filter(({ from, to }) => !isDoor(from) && !isDoor(to));
      expect(forbidden.map(text)).toEqual([]);
      expect(crossing.filter(({ protocol }) => protocol !== TCP).map(text)).toEqual([]);

      // A process that forgot to use its own address as source would be seen here. What asks an
      // agent's API may be anybody, and an agent's own checks of a gateway have no address of theirs.
      const strangers = flows.filter(
        ({ from, to }) => (from.datacenter === 0) !== (to.datacenter === 0),
      );
      const unknown = strangers.filter(
        ({ from, to }) => !OPEN_TO_ALL.includes(from.port) && !OPEN_TO_ALL.includes(to.port),
      );
      expect(unknown.map(text)).toEqual([]);

      // The proof is worth something only when they really talked to each other.
      for (let a = 1; a <= datacenters; a += 1) {
        for (let b = a + 1; b <= datacenters; b += 1) {
          const between = crossing.filter(
            ({ from, to }) =>
              (from.datacenter === a && to.datacenter === b) ||
              (from.datacenter === b && to.datacenter === a),
          );
          const packets = between.reduce((sum, flow) => sum + flow.packets, 0);
          expect(packets, `packets between dc${a} and dc${b}`).toBeGreaterThan(20);
        }
      }
      const inside = flows.filter(({ from, to }) => from.datacenter === to.datacenter);
      expect(inside.some(({ protocol }) => protocol === UDP) || servers === 1).toBe(true);
      expect(inside.some(({ to }) => to.port === GATEWAY_LAN_PORT)).toBe(true);
      const packets = flows.reduce((sum, flow) => sum + flow.packets, 0);
      figure(`${packets} packets seen, ${dropped} missed; between datacenters, packets:`);
      for (const line of table(crossing)) figure(`  ${line}`);
    });
  }
});
