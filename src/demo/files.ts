/** The files a demo needs: certificates, keys, configuration. Made before, removed after. */

import { textOf } from '../error-text.ts';
import { createCa, createCertificate } from '../tls/pki/certificate.ts';
import type { World } from '../world/world.ts';
import { type DemoPlan, demoCaPaths, demoCertificates } from './plan.ts';

/** The demo does not outlive a day; its certificates need not either, but clocks differ. */
const CERTIFICATE_DAYS = 30;

export interface DemoFiles {
  write(plan: DemoPlan): Promise<void>;
  /** Removes the whole folder of the demo, unless it is to be kept. */
  end(): Promise<void>;
}

/** Writes into `plan.settings.folder`. Rejections name the file that could not be written. */
export function createDemoFiles(world: World, folder: string, atEnd: 'keep' | 'remove'): DemoFiles {
  return {
    write: (plan) => writeAll(world, plan),
    end: () => (atEnd === 'keep' ? Promise.resolve() : world.disk.remove(folder)),
  };
}

async function writeAll(world: World, plan: DemoPlan): Promise<void> {
  const { folder } = plan.settings;
  const making = { random: world.random, nowMs: world.clock.now() };
  const ca = createCa({ days: CERTIFICATE_DAYS }, making);
  const caPaths = demoCaPaths(folder);
  await world.disk.makeDirectory(`${folder}/tls`);
  await writeText(world, caPaths.certFile, ca.certPem);
  await writeText(world, caPaths.keyFile, ca.keyPem);
  for (const { dc, node, certFile, keyFile } of demoCertificates(plan)) {
    const certificate = createCertificate(
      {
        commonName: `server.${dc}.consul`,
        days: CERTIFICATE_DAYS,
        dnsNames: [`${node}.server.${dc}.consul`, `server.${dc}.consul`, 'localhost'],
        ipAddresses: ['127.0.0.1'],
        extendedUsage: ['serverAuth', 'clientAuth'],
      },
      ca,
      making,
    );
    await writeText(world, certFile, certificate.certPem);
    await writeText(world, keyFile, certificate.keyPem);
  }
  for (const server of plan.servers) {
    await writeText(world, server.configPath, `${JSON.stringify(server.config, undefined, 2)}\n`);
  }
}

async function writeText(world: World, path: string, text: string): Promise<void> {
  try {
    await world.disk.writeFileAtomic(path, Buffer.from(text));
  } catch (error) {
    const why = textOf(error);
    throw new Error(`cannot write ${path}: ${why}`, { cause: error });
  }
}
