/**
 * What a mesh gateway tells its agent about itself, as Consul's `connect envoy -register` does, and
 * where the gateway listens because of it.
 */

import ipaddr from 'ipaddr.js';
import { expandTemplate, type HostInterface } from '../config/address-template.ts';
import { joinHostPort } from '../host-port.ts';
import type { AgentService } from './answers.ts';
import type { Address } from './instances.ts';

export const GATEWAY_PORT = 8443;

const CHECK_INTERVAL = '10s';
const ANY_ADDRESS = '0.0.0.0';

/** A refusal whose message is complete. */
export class GatewayArgumentError extends Error {
  override readonly name = 'GatewayArgumentError';
}

export interface RegistrationRequest {
  readonly service: string;
  readonly id: string;
  /** As given; '' when not. */
  readonly address: string;
  readonly wanAddress: string;
  /** `name=ip:port` each. */
  readonly bindAddresses: readonly string[];
  readonly exposesServers: boolean;
  /** Go duration. */
  readonly deregisterAfter: string;
}

/** The body of `PUT /v1/agent/service/register`. */
export interface Registration {
  readonly Kind: 'mesh-gateway';
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly Port: number;
  readonly Meta?: Readonly<Record<string, string>>;
  readonly TaggedAddresses?: Readonly<Record<string, JsonAddress>>;
  readonly Proxy?: { readonly Config: ProxyConfig };
  readonly Check: {
    readonly Name: string;
    readonly TCP: string;
    readonly Interval: string;
    readonly Status: 'passing';
    readonly DeregisterCriticalServiceAfter: string;
  };
}

interface JsonAddress {
  readonly Address: string;
  readonly Port: number;
}

export interface ProxyConfig {
  readonly envoy_gateway_no_default_bind?: boolean;
  readonly envoy_gateway_bind_tagged_addresses?: boolean;
  readonly envoy_gateway_bind_addresses?: Readonly<
    Record<string, { readonly address: string; readonly port: number }>
  >;
}

/** Throws a `GatewayArgumentError`. */
export function makeRegistration(
  request: RegistrationRequest,
  interfaces: readonly HostInterface[],
): Registration {
  const lan = parseAddress(request.address, interfaces);
  const wan = request.wanAddress === '' ? undefined : parseAddress(request.wanAddress, interfaces);
  const config = bindConfig(request, lan, wan, interfaces);
  const tagged = {
    ...(lan.host === '' ? {} : { lan: json(lan) }),
    ...(wan === undefined ? {} : { wan: json(wan) }),
  };
  return {
    Kind: 'mesh-gateway',
    ID: request.id,
    Name: request.service,
    Address: lan.host,
    Port: lan.port,
    ...(request.exposesServers ? { Meta: { 'consul-wan-federation': '1' } } : {}),
    ...(Object.keys(tagged).length === 0 ? {} : { TaggedAddresses: tagged }),
    ...(Object.keys(config).length === 0 ? {} : { Proxy: { Config: config } }),
    Check: {
      Name: 'mesh-gateway listening',
      TCP: joinHostPort(lan.host === '' ? '127.0.0.1' : lan.host, lan.port),
      Interval: CHECK_INTERVAL,
      // It is registered when it listens; without this it would be missing until the first probe.
      Status: 'passing',
      DeregisterCriticalServiceAfter: request.deregisterAfter,
    },
  };
}

/** Where a registered gateway listens, each address once. */
export function listenAddresses(service: {
  readonly Address: string;
  readonly Port: number;
  readonly TaggedAddresses?: AgentService['TaggedAddresses'] | undefined;
  readonly Config: Readonly<Record<string, unknown>>;
}): readonly Address[] {
  const { Config } = service;
  const option = (name: string): unknown =>
    Config[`envoy_gateway_${name}`] ?? Config[`envoy_mesh_gateway_${name}`];
  const found: Address[] = [];
  if (option('no_default_bind') !== true) {
    found.push({ host: service.Address || ANY_ADDRESS, port: service.Port });
  }
  if (option('bind_tagged_addresses') === true) {
    const tags = Object.entries(service.TaggedAddresses ?? {}).sort(byName);
    found.push(...tags.map(([, tagged]) => ({ host: tagged.Address, port: tagged.Port })));
  }
  const named = option('bind_addresses');
  if (typeof named === 'object' && named !== null) {
    for (const [, value] of Object.entries(named).sort(byName)) {
      const { address, port } = value as { readonly address?: unknown; readonly port?: unknown };
      if (typeof address === 'string' && typeof port === 'number') {
        found.push({ host: address, port });
      }
    }
  }
  return [...new Map(found.map((at) => [joinHostPort(at.host, at.port), at])).values()];
}

/** `ip`, `ip:port`, `[ip6]:port` or `host:port`; '' is no address. Templates are expanded. */
export function parseAddress(given: string, interfaces: readonly HostInterface[]): Address {
  if (given === '') return { host: '', port: GATEWAY_PORT };
  const refuse = (reason: string): GatewayArgumentError =>
    new GatewayArgumentError(`Error parsing address ${JSON.stringify(given)}: ${reason}`);
  const expansion = expandTemplate(given, interfaces);
  if (!expansion.ok) throw refuse(expansion.reason);
  const { text } = expansion;
  if (isIp(text)) return { host: text, port: GATEWAY_PORT };
  if (!text.includes(':')) throw refuse('not an IP address');
  if (text.startsWith('[') && !text.includes(']')) {
    throw refuse(`address ${text}: missing ']' in address`);
  }
  const found = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text);
  if (found === null) throw refuse(`address ${text}: too many colons in address`);
  const host = found[1] ?? found[2] ?? '';
  const port = found[3] as string;
  if (!/^\d+$/.test(port) || Number(port) > 65_535) {
    const quoted = JSON.stringify(port);
    const reason = /^\d+$/.test(port) ? 'out of range' : `parsing ${quoted}: invalid syntax`;
    throw new GatewayArgumentError(`Error parsing port ${quoted}: strconv.Atoi: ${reason}`);
  }
  return { host, port: Number(port) };
}

function bindConfig(
  request: RegistrationRequest,
  lan: Address,
  wan: Address | undefined,
  interfaces: readonly HostInterface[],
): ProxyConfig {
  if (request.bindAddresses.length > 0) {
    return {
      envoy_gateway_no_default_bind: true,
      envoy_gateway_bind_addresses: Object.fromEntries(
        request.bindAddresses.map((text) => namedAddress(text, interfaces)),
      ),
    };
  }
  if (lan.host !== '' && !isBindable(lan.host, interfaces)) {
    throw new GatewayArgumentError(
      `The LAN address ${JSON.stringify(lan.host)} will not be bindable. Either set a bindable ` +
        'address or override the bind addresses with -bind-address',
    );
  }
  if (lan.host === '' || wan === undefined || !isBindable(wan.host, interfaces)) return {};
  return { envoy_gateway_no_default_bind: true, envoy_gateway_bind_tagged_addresses: true };
}

function namedAddress(
  text: string,
  interfaces: readonly HostInterface[],
): [string, { readonly address: string; readonly port: number }] {
  const equals = text.indexOf('=');
  if (equals < 0) throw new GatewayArgumentError(`Missing "=" in argument: ${text}`);
  const { host, port } = parseAddress(text.slice(equals + 1), interfaces);
  return [text.slice(0, equals), { address: host, port }];
}

/** An address of this host. Every loopback address is, though only one of them is listed. */
function isBindable(host: string, interfaces: readonly HostInterface[]): boolean {
  return host.startsWith('127.') || interfaces.some((item) => item.address === host);
}

function isIp(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

function json({ host, port }: Address): JsonAddress {
  return { Address: host, Port: port };
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
