/** Goal: only who leads says that a session lives on. */

import { expect, test } from 'vitest';
import { SessionSpecificRequest } from '../../src/model/session.ts';
import type { EndpointDeps } from '../../src/rpc/endpoints/deps.ts';
import { sessionEndpoints } from '../../src/rpc/endpoints/session.ts';
import { SESSION_RENEW } from '../../src/rpc/methods/session.ts';

const ID = '11111111-2222-3333-4444-555555555555';

test('a renewal that had to wait is refused when another leads by then', async () => {
  let leading = true;
  let endIsWritten = (): void => {};
  const deps = {
    consensus: { view: () => ({ leading }) },
    sessionTimers: {
      settled: () =>
        new Promise<void>((resolve) => {
          endIsWritten = resolve;
        }),
    },
  } as unknown as EndpointDeps;
  const renew = sessionEndpoints(deps).find(({ method }) => method === SESSION_RENEW);
  const { signal } = new AbortController();
  const request = SessionSpecificRequest.of({ SessionID: ID });
  const answer = renew?.handle(request, { remote: null, signal });
  leading = false;
  endIsWritten();
  await expect(answer).rejects.toThrow('node is not the leader');
});
