/** The addresses of an agent: templates expanded, defaults applied, the host's own ones found. */

import ipaddr from 'ipaddr.js';
import { expandTemplate, type HostInterface, isPrivate, isPublic } from './address-template.ts';
import { buildIssue, type ConfigIssue, ruleIssue, valueIssue } from './issues.ts';
import type { AddressPlan } from './plan.ts';
import type { Settings } from './settings.ts';

const ANY = ['0.0.0.0', '::'];

/** Reads address settings; what is wrong goes to `issues`. */
export class AddressReader {
  readonly #settings: Settings;
  readonly #interfaces: readonly HostInterface[];
  readonly #issues: ConfigIssue[];

  constructor(settings: Settings, interfaces: readonly HostInterface[], issues: ConfigIssue[]) {
    this.#settings = settings;
    this.#interfaces = interfaces;
    this.#issues = issues;
  }

  read(): AddressPlan {
    const bind = this.#bind();
    const advertiseLan = this.#advertised(bind);
    const wan =
      this.#ip('advertise_addr_wan') ?? this.#ip('advertise_addr_wan_ipv4') ?? advertiseLan;
    for (const [name, address] of [
      ['Advertise', advertiseLan],
      ['Advertise WAN', wan],
    ] as const) {
      if (isAny(address)) {
        const text = `${name} address cannot be 0.0.0.0, :: or [::]`;
        this.#issues.push(buildIssue('advertise.any', text));
      }
    }
    const client = this.#several('client_addr') ?? ['127.0.0.1'];
    return {
      bind,
      serfLan: this.#ip('serf_lan') ?? bind,
      serfWan: this.#ip('serf_wan') ?? bind,
      advertiseLan,
      advertiseWan: wan,
      client,
      dns: this.#several('addresses.dns') ?? client,
      http: this.#several('addresses.http') ?? client,
      https: this.#several('addresses.https') ?? client,
      grpc: this.#several('addresses.grpc') ?? client,
      tagged: this.#settings.map('tagged_addresses'),
    };
  }

  /** Lists whose entries may be templates: an entry that expands is split, others are kept whole. */
  list(key: string): readonly string[] {
    return this.#settings.list(key).flatMap((entry) => {
      const expanded = this.#expand(key, entry);
      if (expanded === undefined) return [];
      return expanded === entry ? [entry] : expanded.split(/\s+/).filter((part) => part !== '');
    });
  }

  #bind(): string {
    const given = this.#settings.string('bind_addr') ?? '0.0.0.0';
    const expanded = this.#expand('bind_addr', given);
    if (expanded === undefined) return '0.0.0.0';
    const parts = expanded.split(/\s+/).filter((part) => part !== '');
    const problem = (id: string, text: string): string => {
      this.#issues.push(buildIssue(`bind.${id}`, text, 'bind_addr'));
      return '0.0.0.0';
    };
    if (parts.some((part) => part.startsWith('unix://'))) {
      return problem('unix', 'bind_addr cannot be a unix socket');
    }
    if (parts.length > 1) {
      return problem('several', 'bind_addr cannot contain multiple addresses');
    }
    const address = addressOf(parts[0] ?? '');
    return address ?? problem('empty', 'bind_addr cannot be empty');
  }

  /** What others reach: as configured, else the bound address, else the host's only fitting one. */
  #advertised(bind: string): string {
    const given = this.#ip('advertise_addr');
    if (given !== undefined) return given;
    const family = bind === '::' ? 'ipv6' : 'ipv4';
    const special = this.#ip(`advertise_addr_${family}`);
    if (special !== undefined) return special;
    if (!isAny(bind)) return bind;
    const found = this.#interfaces
      .filter((item) => !item.internal && ipaddr.parse(item.address).kind() === family)
      .map((item) => item.address)
      .filter(family === 'ipv4' ? isPrivate : isPublic);
    if (found.length === 1) return found[0] as string;
    const kind = family === 'ipv4' ? 'private IPv4' : 'public IPv6';
    const text =
      found.length === 0
        ? `No ${kind} address found`
        : `Multiple ${kind} addresses found. Please configure one with 'bind' and/or 'advertise'.`;
    this.#issues.push(buildIssue('advertise.none', text, 'advertise_addr'));
    return '127.0.0.1';
  }

  #ip(key: string): string | undefined {
    const given = this.#settings.string(key);
    if (given === undefined || given === '') return undefined;
    const expanded = this.#expand(key, given);
    if (expanded === undefined) return undefined;
    const parts = expanded.split(/\s+/).filter((part) => part !== '');
    const address = parts.length === 1 ? addressOf(parts[0] as string) : undefined;
    if (address !== undefined) return address;
    const text =
      parts.length > 1
        ? `${key} cannot contain multiple addresses`
        : `${key}: invalid IP address: ${JSON.stringify(expanded)}`;
    this.#issues.push(ruleIssue('address.invalid', text, key));
    return undefined;
  }

  #several(key: string): readonly string[] | undefined {
    const given = this.#settings.string(key);
    if (given === undefined || given === '') return undefined;
    const expanded = this.#expand(key, given);
    if (expanded === undefined) return undefined;
    return expanded
      .split(/\s+/)
      .filter((part) => part !== '')
      .flatMap((part) => {
        if (part.startsWith('unix://')) return [part];
        const address = addressOf(part);
        if (address !== undefined) return [address];
        const text = `${key}: invalid IP address: ${JSON.stringify(part)}`;
        this.#issues.push(ruleIssue('address.invalid', text, key));
        return [];
      });
  }

  #expand(key: string, text: string): string | undefined {
    const expansion = expandTemplate(text, this.#interfaces);
    if (expansion.ok) return expansion.text;
    const problem = `${key}: error parsing ${JSON.stringify(text)}: ${expansion.reason}`;
    this.#issues.push(valueIssue('template.invalid', key, problem));
    return undefined;
  }
}

function addressOf(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const usual = ipaddr.IPv4.isValidFourPartDecimal(bare) || ipaddr.IPv6.isValid(bare);
  return usual ? bare : undefined;
}

function isAny(address: string): boolean {
  return ANY.includes(address);
}
