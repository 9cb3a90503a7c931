/** What a filter may ask about: the shapes of the values that can be filtered, as data. */

export type FieldShape =
  | { readonly kind: 'string' | 'number' | 'bool' }
  | { readonly kind: 'map'; readonly value: FieldShape }
  | { readonly kind: 'list'; readonly item: FieldShape }
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, FieldShape>> };

export type ObjectShape = Extract<FieldShape, { kind: 'object' }>;

const text: FieldShape = { kind: 'string' };
const number: FieldShape = { kind: 'number' };
const bool: FieldShape = { kind: 'bool' };
const texts: FieldShape = { kind: 'list', item: text };
const textMap: FieldShape = { kind: 'map', value: text };

function object(fields: Readonly<Record<string, FieldShape>>): ObjectShape {
  return { kind: 'object', fields };
}

function list(item: FieldShape): FieldShape {
  return { kind: 'list', item };
}

const ADDRESSES: FieldShape = { kind: 'map', value: object({ Address: text, Port: number }) };
const WEIGHTS = object({ Passing: number, Warning: number });
const MESH_GATEWAY = object({ Mode: text });

const EXPOSE = object({
  Checks: bool,
  Paths: list(
    object({
      ListenerPort: number,
      Path: text,
      LocalPathPort: number,
      Protocol: text,
      ParsedFromCheck: bool,
    }),
  ),
});

const PROXY = object({
  DestinationServiceName: text,
  DestinationServiceID: text,
  LocalServiceAddress: text,
  LocalServicePort: number,
  Upstreams: list(
    object({
      DestinationType: text,
      DestinationNamespace: text,
      DestinationName: text,
      Datacenter: text,
      LocalBindAddress: text,
      LocalBindPort: number,
      MeshGateway: MESH_GATEWAY,
    }),
  ),
  MeshGateway: MESH_GATEWAY,
  Expose: EXPOSE,
});

const CONNECT = object({ Native: bool });

export const NODE_FIELDS = object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: textMap,
  Meta: textMap,
});

export const SERVICE_NODE_FIELDS = object({
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: textMap,
  NodeMeta: textMap,
  ServiceKind: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: texts,
  ServiceAddress: text,
  ServiceTaggedAddresses: ADDRESSES,
  ServiceWeights: WEIGHTS,
  ServiceMeta: textMap,
  ServicePort: number,
  ServiceEnableTagOverride: bool,
  ServiceProxy: PROXY,
  ServiceConnect: CONNECT,
});

export const NODE_SERVICE_FIELDS = object({
  Kind: text,
  ID: text,
  Service: text,
  Tags: texts,
  Address: text,
  TaggedAddresses: ADDRESSES,
  Meta: textMap,
  Port: number,
  Weights: WEIGHTS,
  EnableTagOverride: bool,
  Proxy: PROXY,
  Connect: CONNECT,
});

export const HEALTH_CHECK_FIELDS = object({
  Node: text,
  CheckID: text,
  Name: text,
  Status: text,
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: texts,
  Type: text,
});

export const CHECK_SERVICE_NODE_FIELDS = object({
  Node: NODE_FIELDS,
  Service: NODE_SERVICE_FIELDS,
  Checks: list(HEALTH_CHECK_FIELDS),
});

export const INTENTION_FIELDS = object({
  ID: text,
  Description: text,
  SourceNS: text,
  SourceName: text,
  DestinationNS: text,
  DestinationName: text,
  SourceType: text,
  Action: text,
  Meta: textMap,
  Precedence: number,
});

/** Nodes with everything on them, as the UI and `Internal.NodeDump` list them. */
export const NODE_INFO_FIELDS = object({
  ID: text,
  Node: text,
  Address: text,
  TaggedAddresses: textMap,
  Meta: textMap,
  Services: list(NODE_SERVICE_FIELDS),
  Checks: list(HEALTH_CHECK_FIELDS),
});
