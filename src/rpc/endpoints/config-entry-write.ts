/** Config entries of writers, brought into the form in which they are kept; or refused. */

import { type ConfigEntryRow, configEntryRow } from '../../model/config-entry.ts';
import { IngressGatewayEntry, TerminatingGatewayEntry } from '../../model/gateway-entries.ts';
import {
  ingressComplaint,
  normalizedIngress,
  terminatingComplaint,
} from '../../model/gateway-entry-rules.ts';
import { INGRESS_GATEWAY, TERMINATING_GATEWAY } from '../../store/index.ts';
import { decode, encode } from '../../wire/msgpack/schema.ts';
import { RpcError } from '../method.ts';

/** Entries of other kinds are kept as they came. */
export function preparedEntry(row: ConfigEntryRow): ConfigEntryRow {
  if (row.Kind === INGRESS_GATEWAY) {
    const entry = normalizedIngress(decode(IngressGatewayEntry, row.body));
    refuse(ingressComplaint(entry));
    return configEntryRow(encode(IngressGatewayEntry, { ...entry, Kind: row.Kind }));
  }
  if (row.Kind === TERMINATING_GATEWAY) {
    const entry = decode(TerminatingGatewayEntry, row.body);
    refuse(terminatingComplaint(entry));
    return configEntryRow(encode(TerminatingGatewayEntry, { ...entry, Kind: row.Kind }));
  }
  return row;
}

function refuse(complaint: string | undefined): void {
  if (complaint !== undefined) throw new RpcError(complaint);
}
