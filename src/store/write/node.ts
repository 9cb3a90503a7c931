/** Writes of nodes. */

import type { Node, RegisterRequest } from '../../model/catalog.ts';
import { HEALTH_CRITICAL, SERF_HEALTH_CHECK_ID } from '../../model/health-check.ts';
import { onNode } from '../index-rows.ts';
import { nodeById, nodeByName } from '../read/catalog.ts';
import { same } from '../same.ts';
import { nameKey } from '../table.ts';
import {
  checksTable,
  coordinatesTable,
  nodesTable,
  servicesTable,
  sessionsTable,
} from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { deleteCheck } from './check.ts';
import { quoted, refuse } from './errors.ts';
import { bumpServicesOfNode, checkKey } from './keys.ts';
import { deleteService } from './service.ts';
import { endSession } from './session.ts';

/** The node that a registration describes. */
export function nodeOf(request: RegisterRequest): Node {
  return {
    ID: request.ID,
    Node: request.Node,
    Address: request.Address,
    Datacenter: request.Datacenter,
    TaggedAddresses: request.TaggedAddresses,
    Meta: request.NodeMeta,
    CreateIndex: request.CreateIndex,
    ModifyIndex: request.ModifyIndex,
  };
}

/** Inserts or changes a node; an ID that has another name renames. */
export function ensureNode(tx: Transaction, node: Node): void {
  const known = node.ID === '' ? undefined : nodeById(tx, node.ID);
  if (node.ID !== '' && known === undefined) refuseTakenName(tx, node, 'may take over without ID');
  if (known !== undefined && known.Node !== node.Node) renameNode(tx, node, known);
  const existing = known ?? nodeByName(tx, node.Node);
  if (existing !== undefined && sameNode(existing, node)) return;
  insertNode(tx, {
    ...node,
    CreateIndex: existing?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
}

/** Writes the row and moves the index rows of the table and of everything that runs on the node. */
function insertNode(tx: Transaction, node: Node): void {
  tx.put(nodesTable, node);
  tx.bump(nodesTable.name);
  bumpServicesOfNode(tx, node.Node);
}

function sameNode(a: Node, b: Node): boolean {
  return (
    a.ID === b.ID &&
    a.Node === b.Node &&
    a.Address === b.Address &&
    a.Datacenter === b.Datacenter &&
    same(a.TaggedAddresses, b.TaggedAddresses) &&
    same(a.Meta, b.Meta)
  );
}

function renameNode(tx: Transaction, node: Node, known: Node): void {
  refuseTakenName(tx, node, 'renames');
  deleteNode(tx, known.Node);
}

/** A name is taken while the node that has it, under another ID, is alive by its serf check. */
function refuseTakenName(
  tx: Transaction,
  node: Node,
  claim: 'renames' | 'may take over without ID',
): void {
  const owner = nodeByName(tx, node.Node);
  if (owner === undefined || owner.ID === node.ID) return;
  if (owner.ID === '' && claim === 'may take over without ID') return;
  const health = tx.first(checksTable, checkKey(owner.Node, SERF_HEALTH_CHECK_ID));
  if (health === undefined || health.Status === HEALTH_CRITICAL) return;
  const address = claim === 'renames' ? ` (${node.Address})` : '';
  refuse(
    `Error while renaming Node ID: ${quoted(node.ID)}${address}: Node name ${node.Node} is ` +
      `reserved by node ${owner.ID} with name ${owner.Node} (${owner.Address})`,
  );
}

/** Deletes a node with all that is on it. An unknown node is fine. */
export function deleteNode(tx: Transaction, name: string): void {
  const node = nodeByName(tx, name);
  if (node === undefined) return;
  const prefix = onNode(name);
  for (const { service } of tx.scan(servicesTable, prefix)) deleteService(tx, name, service.ID);
  for (const check of tx.scan(checksTable, prefix)) deleteCheck(tx, name, check.CheckID);
  const coordinates = tx.scan(coordinatesTable, prefix);
  for (const row of coordinates) tx.remove(coordinatesTable, coordinatesTable.key(row));
  if (coordinates.length > 0) tx.bump(coordinatesTable.name);
  tx.remove(nodesTable, nameKey(name));
  tx.bump(nodesTable.name);
  for (const session of tx.lookup(sessionsTable.by.node, nameKey(name))) {
    endSession(tx, session.ID);
  }
}

/** Writes only if `index` is the ModifyIndex of the node of that name, or 0 and there is none. */
export function ensureNodeCas(tx: Transaction, index: number, node: Node): boolean {
  const existing = nodeByName(tx, node.Node);
  if ((existing?.ModifyIndex ?? 0) !== index) return false;
  ensureNode(tx, node);
  return true;
}

/** Deletes only if `index` is the node's ModifyIndex. An unknown node is a mismatch. */
export function deleteNodeCas(tx: Transaction, index: number, node: Node): boolean {
  const existing = nodeByName(tx, node.Node);
  if (existing === undefined || existing.ModifyIndex !== index) return false;
  deleteNode(tx, existing.Node);
  return true;
}
