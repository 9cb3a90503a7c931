/** Registration and deregistration: node, then service, then checks; all or nothing. */

import type { DeregisterRequest, RegisterRequest } from '../../model/catalog.ts';
import { nodeByName } from '../read/catalog.ts';
import { same } from '../same.ts';
import { servicesTable } from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { deleteCheck, ensureCheckOfNode } from './check.ts';
import { wrapped } from './errors.ts';
import { serviceKey } from './keys.ts';
import { deleteNode, ensureNode, nodeOf } from './node.ts';
import { deleteService, ensureService, keptService, sameService } from './service.ts';

export function register(tx: Transaction, request: RegisterRequest): void {
  if (changesNode(tx, request)) {
    wrapped('failed inserting node: ', () => ensureNode(tx, nodeOf(request)));
  }
  const service = request.Service;
  if (service !== null) {
    const before = tx.first(servicesTable, serviceKey(request.Node, service.ID))?.service;
    if (before === undefined || !sameService(before, keptService(service))) {
      wrapped('failed inserting service: ', () => ensureService(tx, request.Node, service));
    }
  }
  if (request.Check !== null) ensureCheckOfNode(tx, request.Node, request.Check);
  for (const check of request.Checks ?? []) ensureCheckOfNode(tx, request.Node, check);
}

function changesNode(tx: Transaction, request: RegisterRequest): boolean {
  const node = nodeByName(tx, request.Node);
  if (node === undefined) return true;
  if (request.SkipNodeUpdate) return false;
  return (
    node.ID !== request.ID ||
    node.Node !== request.Node ||
    node.Address !== request.Address ||
    node.Datacenter !== request.Datacenter ||
    !same(node.TaggedAddresses, request.TaggedAddresses) ||
    !same(node.Meta, request.NodeMeta)
  );
}

/** A service if one is named, else a check, else the whole node. */
export function deregister(tx: Transaction, request: DeregisterRequest): void {
  if (request.ServiceID !== '') deleteService(tx, request.Node, request.ServiceID);
  else if (request.CheckID !== '') deleteCheck(tx, request.Node, request.CheckID);
  else deleteNode(tx, request.Node);
}
