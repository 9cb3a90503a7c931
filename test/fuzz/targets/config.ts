/** Decoders of what operators write: configurations, certificates, keys. */

import { buildPlan } from '../../../src/config/build.ts';
import { mergeFragments } from '../../../src/config/fragment.ts';
import { parseSource } from '../../../src/config/sources.ts';
import { intermediateComplaint, rootRecord } from '../../../src/connect/certificates.ts';
import { parseSigningKey } from '../../../src/tls/pki/keys.ts';
import { decodePem, encodePem } from '../../../src/tls/pki/pem.ts';
import { PkiError } from '../../../src/tls/pki/pki-error.ts';
import { readRequest } from '../../../src/tls/pki/request.ts';
import { readCa } from '../../../src/tls/pki/x509.ts';
import { vectorFile, vectorsOf } from '../../support/vectors.ts';
import { declared, type Target, textBytes, whole } from '../engine/target.ts';

const HOST = {
  hostname: 'host',
  interfaces: [
    { name: 'lo', address: '127.0.0.1', internal: true },
    { name: 'eth0', address: '10.0.0.5', internal: false },
  ],
};

const KEYS = [
  'server',
  'ports',
  'encrypt',
  'connect',
  'retry_join',
  'bind_addr',
  'services',
  'tls',
];
const HCL = `server = true // one
ports { http = 8500, grpc = -1 }
/* two */ encrypt = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="
bind_addr = "{{ GetInterfaceIP \\"eth0\\" }}"
retry_join = ["10.0.0.1", "provider=aws tag_key=a"]
connect { enabled = true  ca_config { a = 1 } }
service "web" { port = 80 check { ttl = "10s" } }
node_meta = { a = "b\\u00e9" }
raw = <<-EOT
  text
  EOT
`;
const JSON_TEXT = `{"datacenter":"dc1","ports":{"server":8300,"dns":-1},"start_join":["a"],
"addresses":{"http":"{{ GetPrivateIP }}"},"telemetry":{},"acl":{"enabled":false},"limits":{"a":1},
"primary_gateways":["10.0.0.1:8443"],"performance":{"raft_multiplier":3}}`;

/** The first byte: HCL or JSON. */
const config: Target = {
  name: 'config',
  input: 'whole',
  outcomeBytes: { base: 256 * 1024, perByte: 1024 },
  tokens: [
    ...KEYS,
    ' = ',
    '{',
    '}',
    '<<EOT\n',
    'EOT\n',
    '{{',
    '}}',
    '| attr "address"',
    '${',
    '/*',
  ],
  seeds: () => [
    Buffer.concat([Buffer.of(0), textBytes(HCL)]),
    Buffer.concat([Buffer.of(1), textBytes(JSON_TEXT)]),
    Buffer.concat([Buffer.of(0), textBytes(JSON_TEXT)]),
  ],
  read(pieces) {
    const input = whole(pieces);
    const format = (input[0] ?? 0) & 1 ? 'json' : 'hcl';
    const { fragment, issues } = parseSource('f', input.toString('utf8', 1), format);
    const built = buildPlan(mergeFragments([fragment, fragment]), 'normal', HOST);
    return [issues, built];
  },
};

const MODE = { text: 0, request: 1, certificate: 2, key: 3 } as const;
const PEM_TYPES = ['', 'CERTIFICATE REQUEST', 'CERTIFICATE', 'EC PRIVATE KEY'];
const CA_KEY = vectorFile('tls/server-key.pem').toString('latin1');

function csrSeed(): readonly Buffer[] {
  const sign = vectorsOf('rpc.json').filter(({ name }) => name === 'ConnectCA.Sign/request');
  const texts = sign.map(({ hex }) => Buffer.from(hex, 'hex').toString('latin1'));
  return texts.flatMap((text) => decodePem(text)?.der ?? []);
}

const derOf = (file: string): Buffer =>
  decodePem(vectorFile(file).toString('latin1'))?.der ?? Buffer.alloc(0);

/** The first byte: PEM as it is, or DER of one kind. */
const certificates: Target = {
  name: 'certificates',
  input: 'whole',
  outcomeBytes: { base: 64 * 1024, perByte: 1024 },
  tokens: ['-----BEGIN CERTIFICATE-----\n', '-----END CERTIFICATE-----', Buffer.of(0x30, 0x80)],
  seeds: () => [
    ...csrSeed().map((der) => Buffer.concat([Buffer.of(MODE.request), der])),
    Buffer.concat([Buffer.of(MODE.certificate), derOf('connect/consul-1.9.1-root.pem')]),
    Buffer.concat([Buffer.of(MODE.certificate), derOf('connect/consul-1.9.1-intermediate.pem')]),
    Buffer.concat([Buffer.of(MODE.certificate), derOf('tls/server.pem')]),
    Buffer.concat([Buffer.of(MODE.key), derOf('tls/server-key.pem')]),
    Buffer.concat([Buffer.of(MODE.text), vectorFile('connect/consul-1.9.1-root.pem')]),
  ],
  read(pieces) {
    const input = whole(pieces);
    const mode = (input[0] ?? 0) & 3;
    const body = input.subarray(1);
    const pem =
      mode === MODE.text ? body.toString('latin1') : encodePem(PEM_TYPES[mode] as string, body);
    return [
      decodePem(pem),
      declared(() => readRequest(pem).uris, PkiError),
      declared(() => intermediateComplaint(pem, 'cluster'), PkiError),
      declared(() => rootRecord(pem, 'cluster'), PkiError),
      declared(() => parseSigningKey(pem).spki, PkiError),
      declared(() => readCa({ certPem: pem, keyPem: CA_KEY }).keyId, PkiError),
    ];
  },
};

export const CONFIG_TARGETS: readonly Target[] = [config, certificates];
