/** Certificates for tests that speak real TLS, made once a process. */

import { createCa, createCertificate, type Issued } from '../../src/tls/pki/certificate.ts';
import { createNodeRandom } from '../../src/world/node/random.ts';

const making = { random: createNodeRandom(), nowMs: Date.now() };

export const testCa: Issued = createCa({ days: 2 }, making);

/** A certificate for `names`, which may serve and ask. */
export function testCertificate(...names: readonly string[]): Issued {
  return createCertificate(
    {
      commonName: names[0] ?? 'test',
      days: 1,
      dnsNames: names,
      ipAddresses: ['127.0.0.1'],
      extendedUsage: ['serverAuth', 'clientAuth'],
    },
    testCa,
    making,
  );
}
