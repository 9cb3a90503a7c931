/** Config entries of gateways as JSON, both ways. */

import type { IngressGatewayEntry, TerminatingGatewayEntry } from '../../model/gateway-entries.ts';
import * as input from './input.ts';
import { bool, int, list, map, object, omit, str } from './output.ts';

type Listener = NonNullable<IngressGatewayEntry['Listeners']>[number];
type ListedService = NonNullable<Listener['Services']>[number];
type LinkedService = NonNullable<TerminatingGatewayEntry['Services']>[number];

export const ingressGatewayJson = object<IngressGatewayEntry>({
  Kind: str,
  Name: str,
  TLS: object<IngressGatewayEntry['TLS']>({ Enabled: bool }),
  Listeners: list(
    object<Listener>({
      Port: int,
      Protocol: str,
      Services: list(
        object<ListedService>({ Name: str, Hosts: list(str, 'null'), Meta: omit(map(str)) }),
        'null',
      ),
    }),
    'null',
  ),
  Meta: omit(map(str)),
  CreateIndex: int,
  ModifyIndex: int,
});

export const terminatingGatewayJson = object<TerminatingGatewayEntry>({
  Kind: str,
  Name: str,
  Services: list(
    object<LinkedService>({
      Name: str,
      CAFile: omit(str),
      CertFile: omit(str),
      KeyFile: omit(str),
      SNI: omit(str),
    }),
    'null',
  ),
  Meta: omit(map(str)),
  CreateIndex: int,
  ModifyIndex: int,
});

const HEAD = {
  Kind: input.str,
  Name: input.str,
  Meta: input.map(input.str),
  // Later clients send entries with the indexes they were read at; a write has its own.
  CreateIndex: input.uint,
  ModifyIndex: input.uint,
};

const listedService = input.object(
  { Name: input.str, Hosts: input.list(input.str), Meta: input.map(input.str) },
  { name: 'IngressService', unknown: 'refuse' },
);

export const ingressGatewayInput = input.object(
  {
    ...HEAD,
    TLS: input.object({ Enabled: input.bool }, { name: 'GatewayTLSConfig', unknown: 'refuse' }),
    Listeners: input.list(
      input.object(
        { Port: input.int, Protocol: input.str, Services: input.list(listedService) },
        { name: 'IngressListener', unknown: 'refuse' },
      ),
    ),
  },
  { name: 'IngressGatewayConfigEntry', unknown: 'refuse' },
);

export const terminatingGatewayInput = input.object(
  {
    ...HEAD,
    Services: input.list(
      input.object(
        {
          Name: input.str,
          CAFile: input.str,
          CertFile: input.str,
          KeyFile: input.str,
          SNI: input.str,
        },
        { name: 'LinkedService', unknown: 'refuse' },
      ),
    ),
  },
  { name: 'TerminatingGatewayConfigEntry', unknown: 'refuse' },
);
