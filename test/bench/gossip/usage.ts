/** What processes use, alike for every kind of program: read from the kernel's own accounts. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { skipLoudly, until } from '../../interop/program.ts';

const CAPTURE = fileURLToPath(new URL('../../interop/peers/capture.py', import.meta.url));

/** Nanoseconds that the threads of a process have run so far. */
export function cpuNs(pid: number): number {
  const folder = `/proc/${pid}/task`;
  let sum = 0;
  for (const thread of readdirSync(folder)) {
    sum += Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return sum;
}

/** Resident memory in MiB. */
export function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

/** Why packets cannot be counted here, or null. */
export function captureProblem(): string | null {
  if (process.getuid?.() !== 0) return 'counting packets on the loopback device needs root';
  return spawnSync('python3', ['--version']).status === 0 ? null : 'python3 is not installed';
}

/** Counts the bytes of IPv4 packets of one port within one /16 of the loopback device. */
export class PacketCount {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;

  private constructor(child: ChildProcess, ended: Promise<string>) {
    this.#child = child;
    this.#ended = ended;
  }

  static async begin(network: string): Promise<PacketCount | null> {
    const problem = captureProblem();
    if (problem !== null) {
      skipLoudly('bytes of gossip', problem);
      return null;
    }
    const child = spawn('python3', [CAPTURE, network], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    const ended = new Promise<string>((resolve) => child.on('close', () => resolve(output)));
    await until('the packet count', 10_000, () => output.startsWith('ready\n'));
    return new PacketCount(child, ended);
  }

  /** Bytes since the beginning, IP headers included; each packet counts once. */
  async end(port: number): Promise<number> {
    this.#child.kill('SIGTERM');
    const output = await this.#ended;
    const { flows } = JSON.parse(output.slice('ready\n'.length)) as {
      readonly flows: readonly (readonly [
        number,
        string,
        number,
        string,
        number,
        number,
        number,
      ])[];
    };
    let bytes = 0;
    for (const [, , from, , to, , size] of flows) if (from === port || to === port) bytes += size;
    return bytes;
  }
}
