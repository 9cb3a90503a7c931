/** Links of services to gateways as JSON. */

import type { GatewayService, ServiceName } from '../../model/catalog.ts';
import { bool, int, list, object, omit, str } from './output.ts';

const serviceNameJson = object<ServiceName>({ Name: str });

export const gatewayServiceJson = object<GatewayService>({
  Gateway: serviceNameJson,
  Service: serviceNameJson,
  GatewayKind: str,
  Port: omit(int),
  Protocol: omit(str),
  Hosts: omit(list(str)),
  CAFile: omit(str),
  CertFile: omit(str),
  KeyFile: omit(str),
  SNI: omit(str),
  FromWildcard: omit(bool),
  CreateIndex: int,
  ModifyIndex: int,
});
