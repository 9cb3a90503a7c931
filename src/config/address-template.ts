/**
 * Address templates as hashicorp/go-sockaddr has them, for the functions that configurations use:
 * `{{ GetPrivateIP }}`, `{{ GetInterfaceIP "eth0" }}`,
 * `{{ GetAllInterfaces | include "network" "10.0.0.0/8" | attr "address" }}`.
 */

import ipaddr from 'ipaddr.js';

export interface HostInterface {
  readonly name: string;
  readonly address: string;
  readonly internal: boolean;
}

/** Expanded text, or why the template cannot be used. */
export type Expansion =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reason: string };

type Value = string | readonly HostInterface[];

type Step = (input: Value | undefined, args: readonly string[]) => Value;

class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** Replaces every `{{ … }}` of `text`. */
export function expandTemplate(text: string, interfaces: readonly HostInterface[]): Expansion {
  if (!text.includes('{{')) return { ok: true, text };
  try {
    const expanded = text.replace(/\{\{(.*?)\}\}/gs, (_, body: string) => {
      const value = evaluate(body, interfaces);
      if (typeof value === 'string') return value;
      throw new TemplateError('the result is a list of interfaces: end with attr or join');
    });
    if (expanded.includes('{{'))
      throw new TemplateError('template: sockaddr.Parse:1: unclosed action');
    return { ok: true, text: expanded };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const quoted = JSON.stringify(text);
    return { ok: false, reason: `unable to parse template ${quoted}: ${error.message}` };
  }
}

function evaluate(body: string, interfaces: readonly HostInterface[]): Value {
  const steps = stepsFor(interfaces);
  let value: Value | undefined;
  for (const part of splitPipeline(body)) {
    const [name, ...args] = part;
    const step = name === undefined ? undefined : steps.get(name);
    if (name === undefined) throw new TemplateError('template: sockaddr.Parse:1: missing value');
    if (step === undefined) {
      throw new TemplateError(`template: sockaddr.Parse:1: function "${name}" not defined`);
    }
    value = step(value, args);
  }
  if (value === undefined) throw new TemplateError('template: sockaddr.Parse:1: missing value');
  return value;
}

/** `a "b c" | d` → [['a', 'b c'], ['d']]. */
function splitPipeline(body: string): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  const token = /\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`|(\|)|([^\s|"`]+))/gy;
  let end = 0;
  for (let found = token.exec(body); found !== null; found = token.exec(body)) {
    end = token.lastIndex;
    const word = found[1]?.replace(/\\(.)/g, '$1') ?? found[2] ?? found[4];
    if (found[3] !== undefined) parts.push([]);
    else parts[parts.length - 1]?.push(word as string);
  }
  if (body.slice(end).trim() !== '') {
    throw new TemplateError('template: sockaddr.Parse:1: unterminated quoted string');
  }
  return parts;
}

function stepsFor(all: readonly HostInterface[]): ReadonlyMap<string, Step> {
  const one = (found: readonly HostInterface[]): string => found[0]?.address ?? '';
  const several = (found: readonly HostInterface[]): string =>
    found.map((item) => item.address).join(' ');
  const named = (args: readonly string[]): readonly HostInterface[] =>
    all.filter((item) => new RegExp(`^(?:${escaped(args[0] ?? '')})$`).test(item.name));
  const outward = all.filter((item) => !item.internal);
  const privates = outward.filter((item) => isPrivate(item.address));
  const publics = outward.filter((item) => isPublic(item.address));
  const v4 = (list: readonly HostInterface[]): readonly HostInterface[] => {
    const found = list.filter((item) => ipaddr.IPv4.isValid(item.address));
    return found.length > 0 ? found : list;
  };
  return new Map<string, Step>([
    ['GetPrivateIP', () => one(v4(privates))],
    ['GetPrivateIPs', () => several(privates)],
    ['GetPublicIP', () => one(v4(publics))],
    ['GetPublicIPs', () => several(publics)],
    ['GetInterfaceIP', (_, args) => one(v4(named(args)))],
    ['GetInterfaceIPs', (_, args) => several(named(args))],
    ['GetAllInterfaces', () => all],
    ['GetPrivateInterfaces', () => privates],
    ['GetPublicInterfaces', () => publics],
    ['GetDefaultInterfaces', () => outward],
    ['include', (input, args) => select(list('include', input), args, 'include')],
    ['exclude', (input, args) => select(list('exclude', input), args, 'exclude')],
    ['sort', (input, args) => sorted(list('sort', input), args[0] ?? '')],
    ['limit', (input, args) => list('limit', input).slice(0, Number(args[0]))],
    ['offset', (input, args) => list('offset', input).slice(Number(args[0]))],
    ['unique', (input) => uniqueByAddress(list('unique', input))],
    ['attr', (input, args) => attribute(list('attr', input)[0], args[0] ?? '')],
    [
      'join',
      (input, args) =>
        list('join', input)
          .map((item) => attribute(item, args[0] ?? ''))
          .join(args[1] ?? ' '),
    ],
  ]);
}

function list(step: string, input: Value | undefined): readonly HostInterface[] {
  if (Array.isArray(input)) return input as readonly HostInterface[];
  throw new TemplateError(`${step} needs a list of interfaces before it`);
}

type Selection = 'include' | 'exclude';

function select(
  items: readonly HostInterface[],
  args: readonly string[],
  selection: Selection,
): readonly HostInterface[] {
  const test = selector(args[0] ?? '', args[1] ?? '');
  return items.filter((item) => test(item) === (selection === 'include'));
}

function selector(by: string, wanted: string): (item: HostInterface) => boolean {
  switch (by) {
    case 'name': {
      const pattern = regularExpression(wanted);
      return (item) => pattern.test(item.name);
    }
    case 'address': {
      const pattern = regularExpression(wanted);
      return (item) => pattern.test(item.address);
    }
    case 'network': {
      const ranges = wanted.split('|').map(parseRange);
      return (item) => ranges.some((range) => within(item.address, range));
    }
    case 'type':
      return (item) => {
        const kind = ipaddr.IPv4.isValid(item.address) ? 'ipv4' : 'ipv6';
        const kinds = wanted.toLowerCase().split('|');
        return kinds.includes(kind) || kinds.includes('ip');
      };
    case 'flags':
      return (item) =>
        wanted
          .toLowerCase()
          .split('|')
          .every((flag) => flag === 'up' || (flag === 'loopback' && item.internal));
    case 'rfc':
      return (item) => wanted.split('|').includes('1918') && isPrivate(item.address);
    default:
      throw new TemplateError(`unsupported selector "${by}"`);
  }
}

type Range = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

function parseRange(text: string): Range {
  try {
    return ipaddr.parseCIDR(text.includes('/') ? text : `${text}/32`);
  } catch {
    throw new TemplateError(`"${text}" is not a network`);
  }
}

function within(address: string, [network, bits]: Range): boolean {
  const parsed = ipaddr.parse(address);
  if (parsed.kind() !== network.kind()) return false;
  return (parsed as ipaddr.IPv4).match(network as ipaddr.IPv4, bits);
}

function sorted(items: readonly HostInterface[], by: string): readonly HostInterface[] {
  const descending = by.startsWith('-');
  const field = by.replace(/^[+-]/, '');
  const text = (item: HostInterface): string =>
    field === 'name' ? item.name : bytesText(item.address);
  const order = [...items].sort((a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0));
  return descending ? order.reverse() : order;
}

function attribute(item: HostInterface | undefined, name: string): string {
  if (item === undefined) return '';
  if (name === 'address' || name === 'string') return item.address;
  if (name === 'name') return item.name;
  throw new TemplateError(`unsupported attribute "${name}"`);
}

function uniqueByAddress(items: readonly HostInterface[]): readonly HostInterface[] {
  return [...new Map(items.map((item) => [item.address, item])).values()];
}

function bytesText(address: string): string {
  return Buffer.from(ipaddr.parse(address).toByteArray()).toString('hex');
}

/** RFC 6890: private use, shared address space, unique local. */
export function isPrivate(address: string): boolean {
  const range = ipaddr.parse(address).range();
  return range === 'private' || range === 'carrierGradeNat' || range === 'uniqueLocal';
}

/** Reachable from anywhere, as far as the address tells. */
export function isPublic(address: string): boolean {
  return ipaddr.parse(address).range() === 'unicast';
}

function regularExpression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new TemplateError(`"${text}" is not a regular expression`);
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
