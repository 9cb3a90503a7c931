/** `tls ca create` and `tls cert create`: files, numbering and messages as Consul's. */

import { fileErrorText } from '../../file-errors.ts';
import type { Flags } from '../../flags.ts';
import type { CertificateRequest, Issued } from '../../tls/pki/certificate.ts';
import type { Clock, Disk, Random } from '../../world/world.ts';
import { type Command, CommandError, type Terminal } from '../command.ts';

/** What the commands need of the world. */
export interface TlsWorld {
  readonly disk: Disk;
  readonly random: Random;
  readonly clock: Clock;
}

const CERT_MODE = 0o644;
const KEY_MODE = 0o600;

/** Certificates of one kind and domain in one folder at most; then the command refuses. */
const FILE_NUMBER_MAX = 10_000;

const SERVER_WARNING = `==> WARNING: Server Certificates grants authority to become a
    server: its holder joins the consensus and reads everything the
    cluster keeps, root keys and ACL tokens included. Give it to
    server hosts alone and guard it as you guard the CA key.
`;

export function tlsCommands(world: TlsWorld): readonly Command[] {
  return [
    {
      path: ['tls', 'ca', 'create'],
      synopsis: 'Creates a certificate authority for the agents',
      parameters: '',
      flags: [
        { name: 'days', kind: 'int', help: 'Validity in days.', fallback: '1825' },
        { name: 'domain', kind: 'string', help: 'Domain of the cluster.', fallback: 'consul' },
        { name: 'name-constraint', kind: 'bool', help: 'Permit names below the domain only.' },
        {
          name: 'additional-name-constraint',
          kind: 'list',
          help: 'Further permitted domain, with -name-constraint. May be repeated.',
        },
        { name: 'common-name', kind: 'string', help: 'Common name of the CA.' },
        { name: 'cluster-id', kind: 'string', help: 'Cluster id, put in as URI name.' },
      ],
      run: (flags, terminal) => createCaFiles(world, flags, terminal),
    },
    {
      path: ['tls', 'cert', 'create'],
      synopsis: 'Creates a certificate for a server, a client or the command line',
      parameters: '',
      flags: [
        { name: 'server', kind: 'bool', help: 'A certificate for a server.' },
        { name: 'client', kind: 'bool', help: 'A certificate for a client agent.' },
        { name: 'cli', kind: 'bool', help: 'A certificate for the command line.' },
        { name: 'dc', kind: 'string', help: 'Datacenter.', fallback: 'dc1' },
        { name: 'domain', kind: 'string', help: 'Domain of the cluster.', fallback: 'consul' },
        { name: 'days', kind: 'int', help: 'Validity in days.', fallback: '365' },
        {
          name: 'node',
          kind: 'string',
          help: 'Node name of the server, needed for federation through mesh gateways.',
        },
        { name: 'additional-dnsname', kind: 'list', help: 'Further DNS name. May be repeated.' },
        { name: 'additional-ipaddress', kind: 'list', help: 'Further IP. May be repeated.' },
        { name: 'ca', kind: 'string', help: 'CA file.', fallback: '#DOMAIN#-agent-ca.pem' },
        { name: 'key', kind: 'string', help: 'CA key.', fallback: '#DOMAIN#-agent-ca-key.pem' },
      ],
      run: (flags, terminal) => createCertificateFiles(world, flags, terminal),
    },
  ];
}

async function createCaFiles(world: TlsWorld, flags: Flags, terminal: Terminal): Promise<number> {
  refuseArguments(flags);
  const days = positiveDays(flags, 1825);
  const domain = flags.string('domain') ?? 'consul';
  const certFile = `${domain}-agent-ca.pem`;
  const keyFile = `${domain}-agent-ca-key.pem`;
  for (const file of [certFile, keyFile]) {
    if (await world.disk.exists(file)) throw new CommandError(`${file} already exists.`);
  }
  const { createCa } = await pki();
  const commonName = flags.string('common-name');
  const clusterId = flags.string('cluster-id');
  const ca = createCa(
    {
      days,
      ...(commonName ? { commonName } : {}),
      ...(clusterId ? { uri: `spiffe://${clusterId}.${domain}` } : {}),
      ...(flags.bool('name-constraint')
        ? {
            permittedDomains: [...flags.list('additional-name-constraint'), domain, 'localhost'],
          }
        : {}),
    },
    { random: world.random, nowMs: world.clock.now() },
  );
  await save(world, terminal, { certFile, keyFile }, ca);
  return 0;
}

type CertificateKind = 'server' | 'client' | 'cli';

async function createCertificateFiles(
  world: TlsWorld,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  refuseArguments(flags);
  if (flags.string('ca') === '') throw new CommandError('Please provide the ca');
  if (flags.string('key') === '') throw new CommandError('Please provide the key');
  const kind = kindOf(flags);
  const days = positiveDays(flags, 365);
  const dc = flags.string('dc') ?? 'dc1';
  const domain = flags.string('domain') ?? 'consul';
  const files = await unusedFiles(world.disk, `${dc}-${kind}-${domain}`);
  const caFile = (flags.string('ca') ?? '#DOMAIN#-agent-ca.pem').replace('#DOMAIN#', domain);
  const keyFile = (flags.string('key') ?? '#DOMAIN#-agent-ca-key.pem').replace('#DOMAIN#', domain);
  const ca = {
    certPem: await readText(world.disk, caFile, 'Error reading CA'),
    keyPem: await readText(world.disk, keyFile, 'Error reading CA key'),
  };
  if (kind === 'server') terminal.out(SERVER_WARNING);
  terminal.out(`==> Using ${caFile} and ${keyFile}\n`);
  const { createCertificate, PkiError } = await pki();
  try {
    const made = createCertificate({ ...namesFor(kind, dc, domain, flags), days }, ca, {
      random: world.random,
      nowMs: world.clock.now(),
    });
    await save(world, terminal, files, made);
    return 0;
  } catch (error) {
    if (error instanceof PkiError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

function kindOf(flags: Flags): CertificateKind {
  const kinds = (['server', 'client', 'cli'] as const).filter((kind) => flags.bool(kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw new CommandError('Please provide either -server, -client, or -cli');
  }
  if (flags.string('node') && kind !== 'server') throw new CommandError('-node requires -server');
  return kind;
}

function namesFor(
  kind: CertificateKind,
  dc: string,
  domain: string,
  flags: Flags,
): Omit<CertificateRequest, 'days'> {
  const commonName = `${kind}.${dc}.${domain}`;
  const node = flags.string('node');
  const nodeNames = node ? [`${node}.${commonName}`] : [];
  const extendedUsage = {
    server: ['serverAuth', 'clientAuth'],
    client: ['clientAuth', 'serverAuth'],
    cli: [],
  } as const;
  return {
    commonName,
    dnsNames: [...given(flags, 'additional-dnsname'), ...nodeNames, commonName, 'localhost'],
    ipAddresses: [
      ...given(flags, 'additional-ipaddress'),
      ...(kind === 'cli' ? [] : ['127.0.0.1']),
    ],
    extendedUsage: extendedUsage[kind],
  };
}

function given(flags: Flags, name: string): readonly string[] {
  return flags
    .list(name)
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

interface FilePair {
  readonly certFile: string;
  readonly keyFile: string;
}

async function unusedFiles(disk: Disk, prefix: string): Promise<FilePair> {
  for (let number = 0; number <= FILE_NUMBER_MAX; number += 1) {
    const pair = {
      certFile: `${prefix}-${number}.pem`,
      keyFile: `${prefix}-${number}-key.pem`,
    };
    if (!(await disk.exists(pair.certFile)) && !(await disk.exists(pair.keyFile))) return pair;
  }
  throw new CommandError("Could not find a filename that doesn't already exist");
}

async function readText(disk: Disk, path: string, what: string): Promise<string> {
  try {
    return Buffer.from(await disk.readFile(path)).toString('utf8');
  } catch (cause) {
    throw new CommandError(`${what}: ${fileErrorText('open', path, cause)}`, { cause });
  }
}

async function save(
  world: TlsWorld,
  terminal: Terminal,
  files: FilePair,
  made: Issued,
): Promise<void> {
  await write(world.disk, files.certFile, made.certPem, CERT_MODE);
  terminal.out(`==> Saved ${files.certFile}\n`);
  await write(world.disk, files.keyFile, made.keyPem, KEY_MODE);
  terminal.out(`==> Saved ${files.keyFile}\n`);
}

async function write(disk: Disk, path: string, pem: string, mode: number): Promise<void> {
  try {
    await disk.writeFileAtomic(path, Buffer.from(pem, 'utf8'), mode);
  } catch (cause) {
    throw new CommandError(`Error writing: ${fileErrorText('open', path, cause)}`, { cause });
  }
}

function positiveDays(flags: Flags, fallback: number): number {
  const days = flags.int('days') ?? fallback;
  if (days <= 0)
    throw new CommandError(`Failed to parse args: -days must be positive, was: ${days}`);
  return days;
}

function refuseArguments(flags: Flags): void {
  if (flags.rest.length === 0) return;
  throw new CommandError(`Failed to parse args: unexpected arguments: [${flags.rest.join(' ')}]`);
}

/** Loaded when needed: the other commands start faster without it. */
function pki(): Promise<typeof import('../../tls/pki/certificate.ts')> {
  return import('../../tls/pki/certificate.ts');
}
