/** Goal: where there is no mesh, or no authority to sign, callers are told so in Consul's words. */

import { expect, it } from 'vitest';
import { DCSpecificRequest } from '../../src/model/blocks.ts';
import { CASignRequest } from '../../src/model/connect-ca.ts';
import { insecureEndpoints } from '../../src/rpc/endpoints/auto-encrypt.ts';
import { connectCaEndpoints } from '../../src/rpc/endpoints/connect-ca.ts';
import type { EndpointDeps } from '../../src/rpc/endpoints/deps.ts';
import { intentionEndpoints } from '../../src/rpc/endpoints/intention.ts';

async function answerOf(
  connect: EndpointDeps['connect'],
  name: string,
  request: unknown,
): Promise<string> {
  // Refusals come before anything else of the server is looked at.
  const deps = { connect, autoEncrypt: null } as EndpointDeps;
  const served = [
    ...connectCaEndpoints(deps),
    ...intentionEndpoints(deps),
    ...insecureEndpoints(deps),
  ];
  const found = served.find(({ method }) => method.name === name);
  const origin = { remote: null, signal: new AbortController().signal };
  return found?.handle(request, origin).then(
    () => 'answered',
    (error: Error) => error.message,
  ) as Promise<string>;
}

it('refuses without a mesh', async () => {
  const off = { enabled: false, primary: true };
  const text = 'Connect must be enabled in order to use this endpoint';
  expect(await answerOf(off, 'ConnectCA.Roots', DCSpecificRequest.of({}))).toBe(text);
  expect(await answerOf(off, 'ConnectCA.SignIntermediate', CASignRequest.of({}))).toBe(text);
  expect(await answerOf(off, 'Intention.List', { Legacy: true })).toBe(text);
  expect(await answerOf(off, 'AutoEncrypt.Sign', CASignRequest.of({}))).toBe(text);
});

it('refuses to sign in a secondary', async () => {
  const secondary = { enabled: true, primary: false };
  const answer = answerOf(secondary, 'ConnectCA.SignIntermediate', CASignRequest.of({}));
  expect(await answer).toBe('not the primary datacenter');
});

it('refuses certificates to agents where they are not given, and automatic configuration', async () => {
  const on = { enabled: true, primary: true };
  expect(await answerOf(on, 'AutoEncrypt.Sign', CASignRequest.of({ Datacenter: 'dc1' }))).toBe(
    'AutoEncrypt.AllowTLS must be enabled in order to use this endpoint',
  );
  expect(await answerOf(on, 'AutoConfig.InitialConfiguration', null)).toBe(
    'Auto Config is disabled',
  );
});
