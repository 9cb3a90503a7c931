/** What config entries of gateways may say, in Consul's words. */

import type { IngressGatewayEntry, TerminatingGatewayEntry } from './gateway-entries.ts';

const PROTOCOLS = ['tcp', 'http', 'http2', 'grpc'];
const EVERY_SERVICE = '*';
const HOST_CHARACTERS_MAX = 254;
const LABEL_CHARACTERS_MAX = 63;

type Listener = NonNullable<IngressGatewayEntry['Listeners']>[number];
type ListedService = NonNullable<Listener['Services']>[number];

/** Protocols in lower case; TCP where none is said. */
export function normalizedIngress(entry: IngressGatewayEntry): IngressGatewayEntry {
  const Listeners = entry.Listeners?.map((listener) => ({
    ...listener,
    Protocol: (listener.Protocol || 'tcp').toLowerCase(),
  }));
  return { ...entry, Listeners: Listeners ?? null };
}

/** Why a normalized entry is refused; `undefined` when it is not. */
export function ingressComplaint({ Listeners, TLS }: IngressGatewayEntry): string | undefined {
  const ports = new Set<number>();
  for (const listener of Listeners ?? []) {
    if (ports.has(listener.Port)) return `port ${listener.Port} declared on two listeners`;
    ports.add(listener.Port);
    const complaint = listenerComplaint(listener, TLS.Enabled);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function listenerComplaint(
  { Port, Protocol, Services }: Listener,
  tls: boolean,
): string | undefined {
  const services = Services ?? [];
  if (!PROTOCOLS.includes(Protocol)) {
    return `protocol must be 'tcp', 'http', 'http2', or 'grpc'. '${Protocol}' is an unsupported protocol`;
  }
  if (services.length === 0) return `No service declared for listener with port ${Port}`;
  const place = `(listener on port ${Port})`;
  if (Protocol !== 'http' && services.length > 1) {
    return `Multiple services per listener are only supported for protocol = 'http' ${place}`;
  }
  const hosts = new Set<string>();
  for (const service of services) {
    const complaint =
      serviceComplaint(service, Protocol, place) ?? hostsComplaint(service, hosts, tls, place);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function serviceComplaint(
  { Name, Hosts }: ListedService,
  protocol: string,
  place: string,
): string | undefined {
  const named = (Hosts ?? []).length > 0;
  if (protocol === 'tcp' && Name === EVERY_SERVICE) {
    return `Wildcard service name is only valid for protocol = 'http' ${place}`;
  }
  if (protocol === 'tcp' && named) {
    return `Associating hosts to a service is not supported for the ${protocol} protocol ${place}`;
  }
  if (Name === '') return `Service name cannot be blank ${place}`;
  if (Name === EVERY_SERVICE && named) {
    return `Associating hosts to a wildcard service is not supported ${place}`;
  }
  return undefined;
}

/** Adds to `seen`, which holds the hosts of the whole listener. */
function hostsComplaint(
  { Hosts }: ListedService,
  seen: Set<string>,
  tls: boolean,
  place: string,
): string | undefined {
  for (const host of Hosts ?? []) {
    if (seen.has(host)) return `Hosts must be unique within a specific listener ${place}`;
    seen.add(host);
    const complaint = hostComplaint(host, tls);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function hostComplaint(host: string, tls: boolean): string | undefined {
  if (host === '*') {
    if (!tls) return undefined;
    return "Host '*' is not allowed when TLS is enabled, all hosts must be valid DNS records to add as a DNSSAN";
  }
  const quoted = JSON.stringify(host);
  if (!isDomainName(host)) return `Host ${quoted} must be a valid DNS hostname`;
  if (!host.replace(/^\*\./, '').includes('*')) return undefined;
  return `Host ${quoted} is not valid, a wildcard specifier is only allowed as the leftmost label`;
}

/** Any characters, as DNS has it; only lengths count (RFC 1035, 2.3.4). */
function isDomainName(host: string): boolean {
  const labels = host.replace(/\.$/, '').split('.');
  return (
    host.length <= HOST_CHARACTERS_MAX &&
    (host === '' || labels.every(({ length }) => length > 0 && length <= LABEL_CHARACTERS_MAX))
  );
}

/** Why an entry is refused; `undefined` when it is not. */
export function terminatingComplaint({ Services }: TerminatingGatewayEntry): string | undefined {
  const seen = new Set<string>();
  for (const { Name, CAFile, CertFile, KeyFile } of Services ?? []) {
    if (Name === '') return 'Service name cannot be blank.';
    const quoted = JSON.stringify(Name);
    if (seen.has(Name)) return `Service ${quoted} was specified more than once within a namespace`;
    seen.add(Name);
    const client = CertFile !== '' || KeyFile !== '';
    const complete = CAFile !== '' && CertFile !== '' && KeyFile !== '';
    if (client && !complete) {
      return `Service ${quoted} must have a CertFile, CAFile, and KeyFile specified for TLS origination`;
    }
  }
  return undefined;
}
