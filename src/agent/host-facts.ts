/** `/v1/agent/host`: the machine that an agent runs on, under the names that Consul's tools read. */

import { arch, cpus, freemem, hostname, platform, release, totalmem, uptime } from 'node:os';
import type { DiskSpace } from '../world/world.ts';

type Facts = Readonly<Record<string, string | number | readonly string[]>>;

export interface HostFacts {
  readonly Memory: Facts;
  readonly CPU: readonly Facts[];
  readonly Host: Facts;
  /** `null` when it could not be asked for; then `Errors` says why. */
  readonly Disk: Facts | null;
  /** Nanoseconds since the Unix epoch. */
  readonly CollectionTime: bigint;
  readonly Errors: readonly string[] | null;
}

const NS_PER_MS = 1_000_000n;
const PERCENT = 100;

/** What Node can tell of the machine; `nowMs` is the wall clock. */
export function hostFacts(nowMs: number, disk: DiskSpace | Error): HostFacts {
  const total = totalmem();
  const free = freemem();
  const used = total - free;
  return {
    Memory: {
      total,
      available: free,
      used,
      usedPercent: percent(used, total),
      free,
    },
    CPU: cpus().map(({ model, speed }, cpu) => ({ cpu, cores: 1, modelName: model, mhz: speed })),
    Host: {
      hostname: hostname(),
      uptime: Math.round(uptime()),
      bootTime: Math.round(nowMs / 1000 - uptime()),
      os: platform(),
      platform: platform(),
      kernelVersion: release(),
      kernelArch: arch() === 'x64' ? 'x86_64' : arch(),
    },
    Disk: disk instanceof Error ? null : diskFacts(disk),
    CollectionTime: BigInt(Math.trunc(nowMs)) * NS_PER_MS,
    Errors: disk instanceof Error ? [disk.message] : null,
  };
}

function diskFacts({ path, totalBytes, freeBytes, files, filesFree }: DiskSpace): Facts {
  const used = totalBytes - freeBytes;
  return {
    path,
    total: totalBytes,
    free: freeBytes,
    used,
    usedPercent: percent(used, totalBytes),
    inodesTotal: files,
    inodesUsed: files - filesFree,
    inodesFree: filesFree,
    inodesUsedPercent: percent(files - filesFree, files),
  };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (part / whole) * PERCENT;
}
