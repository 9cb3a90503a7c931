/** What is checked and completed before a registration goes into the log. */

import { joinedErrors } from '../../joined-errors.ts';
import type { NodeService, RegisterRequest } from '../../model/catalog.ts';
import type { HealthCheck, HealthCheckDefinition } from '../../model/health-check.ts';
import { isAnyAddress, serviceComplaints } from '../../model/service-rules.ts';
import { uuidComplaint } from '../../model/uuid.ts';
import { RpcError } from '../method.ts';

/** The request as it is written; throws an RpcError with Consul's words. */
export function preparedRegistration(request: RegisterRequest): RegisterRequest {
  refuseBadNode(request);
  if (request.Address === '' && !request.SkipNodeUpdate) {
    throw new RpcError('Must provide address if SkipNodeUpdate is not set');
  }
  const checks = [...(request.Checks ?? [])];
  if (request.Check !== null) checks.push(request.Check);
  return {
    ...request,
    Service: request.Service === null ? null : preparedService(request.Service),
    Check: null,
    Checks: checks.length === 0 ? null : checks.map((check) => preparedCheck(check, request.Node)),
  };
}

/** Throws an RpcError for a node without a name or with an ID that is none. */
export function refuseBadNode(node: { readonly Node: string; readonly ID: string }): void {
  if (node.Node === '') throw new RpcError('Must provide node');
  const complaint = node.ID === '' ? null : uuidComplaint(node.ID);
  if (complaint !== null) throw new RpcError(`Bad node ID: ${complaint}`);
}

/** The instance with what its sender left to the server; throws an RpcError. */
export function preparedService(service: NodeService): NodeService {
  const complaints = serviceComplaints(service);
  if (complaints.length > 0) throw new RpcError(joinedErrors(complaints));
  if (service.ID !== '' && service.Service === '') {
    throw new RpcError('Must provide service name with ID');
  }
  if (isAnyAddress(service.Address)) throw new RpcError('Invalid service address');
  const { Weights } = service;
  const unweighted = Weights === null || (Weights.Passing === 0 && Weights.Warning === 0);
  return {
    ...service,
    ID: service.ID === '' ? service.Service : service.ID,
    Weights: unweighted ? { Passing: 1, Warning: 1 } : Weights,
  };
}

function preparedCheck(check: HealthCheck, node: string): HealthCheck {
  return {
    ...withCheckId(check),
    Node: check.Node === '' ? node : check.Node,
    Type: check.Type === '' ? typeOf(check.Definition) : check.Type,
  };
}

/** A check without an ID has its name for one. */
export function withCheckId(check: HealthCheck): HealthCheck {
  return check.CheckID === '' ? { ...check, CheckID: check.Name } : check;
}

/** The type of a check by what it runs. */
function typeOf(definition: HealthCheckDefinition): string {
  if (definition.HTTP !== '') return 'http';
  if (definition.TCP !== '') return 'tcp';
  if (definition.GRPC !== '') return 'grpc';
  if (definition.TTL > 0) return 'ttl';
  if (definition.DockerContainerID !== '') return 'docker';
  if ((definition.ScriptArgs ?? []).length > 0) return 'script';
  if (definition.AliasNode !== '' || definition.AliasService !== '') return 'alias';
  return '';
}
