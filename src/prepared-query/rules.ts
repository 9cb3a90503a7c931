/** What a prepared query must be to be kept; templates are compiled by the store. */

import { durationComplaint, parseGoDuration } from '../go-duration.ts';
import { nodeMetaComplaint } from '../local/metadata.ts';
import type { PreparedQuery } from '../model/prepared-query.ts';
import { isTemplate } from './template.ts';

/** What stands for a token in answers to those who may not see it. */
export const REDACTED_TOKEN = '<hidden>';

/** What is wrong with a query, in Consul's words; `null` when nothing is. */
export function queryComplaint(query: PreparedQuery): string | null {
  const { Name, Session, Token, Service, DNS } = query;
  if (Name === '' && !isTemplate(query) && Session === '') return 'Must be bound to a session';
  if (Token === REDACTED_TOKEN) {
    return `Bad Token '${Token}', it looks like a query definition with a redacted token was submitted`;
  }
  if (Service.Service === '') return 'Must provide a Service name to query';
  const { NearestN } = Service.Failover;
  if (NearestN < 0) return `Bad NearestN '${NearestN}', must be >= 0`;
  return nodeMetaComplaint(Service.NodeMeta) ?? ttlComplaint(DNS.TTL);
}

function ttlComplaint(ttl: string): string | null {
  if (ttl === '') return null;
  const nanoseconds = parseGoDuration(ttl);
  if (nanoseconds === null) return `Bad DNS TTL '${ttl}': ${durationComplaint(ttl)}`;
  return nanoseconds < 0 ? `DNS TTL '${nanoseconds}', must be >=0` : null;
}
