/** Identities of the mesh, as URIs: those of services and those of agents (auto-encrypt). */

export interface MeshIdentity {
  readonly kind: 'service' | 'agent';
  /** Trust domain, `<cluster id>.consul`. */
  readonly host: string;
  readonly datacenter: string;
  /** Name of the service or of the node. */
  readonly name: string;
}

const SERVICE = /^spiffe:\/\/([^/]*)\/ns\/([^/]+)\/dc\/([^/]+)\/svc\/([^/]+)$/;
const AGENT = /^spiffe:\/\/([^/]*)\/agent\/client\/dc\/([^/]+)\/id\/([^/]+)$/;

/** Reads a URI; `null` when it is no identity of a service or an agent. */
export function readIdentity(uri: string): MeshIdentity | null {
  const service = SERVICE.exec(uri);
  const agent = AGENT.exec(uri);
  const [host, datacenter, name] =
    service !== null
      ? [service[1], service[3], service[4]]
      : agent !== null
        ? [agent[1], agent[2], agent[3]]
        : [];
  if (host === undefined || datacenter === undefined || name === undefined) return null;
  const kind = service === null ? 'agent' : 'service';
  const texts = [datacenter, name].map(unescaped);
  const [plainDatacenter, plainName] = texts;
  if (plainDatacenter === undefined || plainName === undefined) return null;
  if (plainDatacenter === null || plainName === null) return null;
  return { kind, host, datacenter: plainDatacenter, name: plainName };
}

export function identityUri({ kind, host, datacenter, name }: MeshIdentity): string {
  const [dc, id] = [encodeURIComponent(datacenter), encodeURIComponent(name)];
  return kind === 'service'
    ? `spiffe://${host}/ns/default/dc/${dc}/svc/${id}`
    : `spiffe://${host}/agent/client/dc/${dc}/id/${id}`;
}

const COMMON_NAME_MAX = 64;
const CLUSTER_CHARACTERS = 8;

/** The common name of a certificate: the names as far as DNS allows them, at most 64 characters. */
export function commonName({ kind, host, name }: MeshIdentity): string {
  const middle = kind === 'service' ? 'svc.default' : 'agnt';
  const ending = `.${middle}.${host.slice(0, CLUSTER_CHARACTERS)}.consul`;
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return plain.slice(0, COMMON_NAME_MAX - ending.length) + ending;
}

function unescaped(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    // A malformed escape is no identity: the caller says so.
    return null;
  }
}
