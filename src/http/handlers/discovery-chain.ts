/** `/v1/discovery-chain/:service` */

import type { DiscoveryChainRequest } from '../../model/discovery-chain.ts';
import { DISCOVERY_CHAIN_GET } from '../../rpc/methods/discovery-chain.ts';
import type { HttpContext } from '../context.ts';
import { meshGatewayInput } from '../json/bodies.ts';
import { chainJson } from '../json/discovery-chain.ts';
import { duration, type InputOf, object as objectInput, str as strInput } from '../json/input.ts';
import { nullable } from '../json/output.ts';
import {
  badRequest,
  type HttpAnswer,
  type HttpRequest,
  jsonAnswer,
  prefixedBadRequest,
} from '../message.ts';
import { refuseNamespace } from '../options.ts';
import { answerRead } from '../read.ts';
import type { Route } from '../router.ts';
import { decodedText } from './body.ts';
import { rest } from './path.ts';

const PATH = '/v1/discovery-chain/';
const MODES: readonly string[] = ['', 'none', 'local', 'remote'];

const overridesInput = objectInput(
  {
    OverrideMeshGateway: meshGatewayInput,
    OverrideProtocol: strInput,
    OverrideConnectTimeout: duration,
  },
  { name: 'discoveryChainReadRequest', unknown: 'refuse' },
);
const shownChain = nullable(chainJson);

export const DISCOVERY_CHAIN_ROUTES: readonly Route<HttpContext>[] = [
  { path: PATH, methods: ['GET', 'POST'], handler: chain },
];

async function chain(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const Name = rest(http.path, PATH);
  if (Name === '') throw prefixedBadRequest('Missing chain name');
  const overrides = http.method === 'POST' ? await overridesOf(http) : overridesInput.zero();
  return answerRead(http, context, {
    failedMeta: 'told',
    consistency: 'told',
    cached: 'offered',
    method: DISCOVERY_CHAIN_GET,
    request: ({ datacenter, options }): DiscoveryChainRequest => ({
      ...options,
      Filter: '',
      ...overrides,
      Name,
      EvaluateInDatacenter: http.query.get('compile-dc'),
      EvaluateInNamespace: 'default',
      Datacenter: datacenter,
    }),
    answer: ({ Chain }, headers) => jsonAnswer(`{"Chain":${shownChain.text(Chain)}}`, headers),
  });
}

async function overridesOf(http: HttpRequest): Promise<InputOf<typeof overridesInput>> {
  const text = (await http.body()).toString('utf8');
  const overrides = decodedText(text, overridesInput, (complaint) =>
    prefixedBadRequest(complaint.replace(/^Request decode failed/, 'Request decoding failed')),
  );
  if (!MODES.includes(overrides.OverrideMeshGateway.Mode)) {
    throw badRequest('Invalid OverrideMeshGateway.Mode parameter');
  }
  return overrides;
}
