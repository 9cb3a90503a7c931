/** What intentions may hold, in the words of Consul 1.9. */

import { joinedErrors } from '../joined-errors.ts';
import type { Intention, IntentionPermission, SourceIntention } from './intention.ts';

export const ANY_SERVICE = '*';
const DESCRIPTION_BYTES_MAX = 512;
const HTTP_METHODS = 'GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE'.split(' ');
const BAD_WILDCARD = "wildcard character '*' cannot be used with partial values";

/** The more exact an intention, the higher: destinations count more than sources. */
export function precedenceOf(source: string, destination: string): number {
  if (destination !== ANY_SERVICE) return source === ANY_SERVICE ? 8 : 9;
  return source === ANY_SERVICE ? 5 : 6;
}

/** What is wrong with an intention that is written by ID; `null` when nothing is. */
export function legacyComplaint(intention: Intention): string | null {
  const { SourceName, DestinationName, Description, Action, Permissions, SourceType } = intention;
  const complaints: string[] = [];
  if (SourceName === '') complaints.push('SourceName must be set');
  if (DestinationName === '') complaints.push('DestinationName must be set');
  if (isPartial(SourceName)) complaints.push(`SourceName: ${BAD_WILDCARD}`);
  if (isPartial(DestinationName)) complaints.push(`DestinationName: ${BAD_WILDCARD}`);
  if (Buffer.byteLength(Description) > DESCRIPTION_BYTES_MAX) {
    complaints.push(`Description exceeds maximum length ${DESCRIPTION_BYTES_MAX}`);
  }
  if (!isAction(Action)) complaints.push("Action must be set to 'allow' or 'deny'");
  if ((Permissions ?? []).length > 0) {
    complaints.push('Permissions must not be set when using the legacy APIs');
  }
  if (SourceType !== 'consul') complaints.push("SourceType must be set to 'consul'");
  return complaints.length === 0 ? null : joinedErrors(complaints);
}

/** What is wrong with the sources of a destination; `null` when nothing is. */
export function sourcesComplaint(
  destination: string,
  sources: readonly SourceIntention[],
): string | null {
  if (destination === '') return 'Name is required';
  if (isPartial(destination)) return `Name: ${BAD_WILDCARD}`;
  if (sources.length === 0) return 'At least one source is required';
  const names = new Set<string>();
  for (const [at, source] of sources.entries()) {
    const complaint = sourceComplaint(destination, source);
    if (complaint !== null) return `Sources[${at}].${complaint}`;
    if (names.has(source.Name)) {
      return `Sources[${at}] defines ${JSON.stringify(source.Name)} more than once`;
    }
    names.add(source.Name);
  }
  return null;
}

function sourceComplaint(destination: string, source: SourceIntention): string | null {
  const { Name, Description, Action, Type } = source;
  const rules = source.Permissions ?? [];
  if (Name === '') return 'Name is required';
  if (isPartial(Name)) return `Name: ${BAD_WILDCARD}`;
  if (Buffer.byteLength(Description) > DESCRIPTION_BYTES_MAX) {
    return `Description exceeds maximum length ${DESCRIPTION_BYTES_MAX}`;
  }
  if (rules.length === 0 && !isAction(Action)) return "Action must be set to 'allow' or 'deny'";
  if (rules.length > 0 && Action !== '') {
    return 'Action must be omitted if Permissions are specified';
  }
  if (destination === ANY_SERVICE && rules.length > 0) {
    return 'Permissions cannot be specified on intentions with wildcarded destinations';
  }
  if (Type !== 'consul') return "Type must be set to 'consul'";
  for (const [at, rule] of rules.entries()) {
    const complaint = ruleComplaint(rule);
    if (complaint !== null) return `Permissions[${at}].${complaint}`;
  }
  return null;
}

function ruleComplaint({ Action, HTTP }: IntentionPermission): string | null {
  if (!isAction(Action)) return "Action must be set to 'allow' or 'deny'";
  if (HTTP === null) return 'HTTP is required';
  for (const part of ['PathExact', 'PathPrefix'] as const) {
    if (HTTP[part] !== '' && !HTTP[part].startsWith('/')) {
      return `HTTP.${part} doesn't start with '/': ${JSON.stringify(HTTP[part])}`;
    }
  }
  const paths = [HTTP.PathExact, HTTP.PathPrefix, HTTP.PathRegex].filter((path) => path !== '');
  if (paths.length > 1) {
    return 'HTTP should only contain at most one of PathExact, PathPrefix, or PathRegex';
  }
  const headers = HTTP.Header ?? [];
  const methods = HTTP.Methods ?? [];
  const complaint = headersComplaint(headers) ?? methodsComplaint(methods);
  if (complaint !== null) return `HTTP.${complaint}`;
  const empty = paths.length + headers.length + methods.length === 0;
  return empty ? 'HTTP should not be empty' : null;
}

type HeaderRule = NonNullable<NonNullable<IntentionPermission['HTTP']>['Header']>[number];

function headersComplaint(headers: readonly HeaderRule[]): string | null {
  for (const [at, { Name, Present, Exact, Prefix, Suffix, Regex }] of headers.entries()) {
    if (Name === '') return `Header[${at}] missing required Name field`;
    const tests = [Present, Exact !== '', Prefix !== '', Suffix !== '', Regex !== ''];
    if (tests.filter(Boolean).length !== 1) {
      return `Header[${at}] should only contain one of Present, Exact, Prefix, Suffix, or Regex`;
    }
  }
  return null;
}

function methodsComplaint(methods: readonly string[]): string | null {
  const seen = new Set<string>();
  for (const method of methods) {
    const quoted = JSON.stringify(method);
    if (!HTTP_METHODS.includes(method)) return `Methods contains an invalid method ${quoted}`;
    if (seen.has(method)) return `Methods contains ${quoted} more than once`;
    seen.add(method);
  }
  return null;
}

function isAction(action: string): boolean {
  return action === 'allow' || action === 'deny';
}

function isPartial(name: string): boolean {
  return name !== ANY_SERVICE && name.includes(ANY_SERVICE);
}
