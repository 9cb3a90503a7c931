/** The agent's HTTP API without sockets: what `createAgentDoor` needs, over an agent that may die. */

import type { AgentDoorOptions } from '../../../src/gateway/agent-door.ts';
import type { HttpContext } from '../../../src/http/context.ts';
import { HTTP_ROUTE_TABLE } from '../../../src/http/routes.ts';
import { serveRequest } from '../../../src/http/serve.ts';
import { UnexpectedStatusError } from '../../../src/http-client/client.ts';
import type { Clock } from '../../../src/world/world.ts';
import { once } from '../store-harness.ts';

export type AgentClient = AgentDoorOptions['client'];
type Request = Parameters<AgentClient['request']>[0];
type Answer = Awaited<ReturnType<AgentClient['request']>>;

/** A running agent as its clients see it. */
export interface AgentAtWork {
  readonly context: HttpContext;
  /** Aborted when the agent dies. */
  readonly gone: AbortSignal;
}

const TRIP_MS = 0.2;

/** `agent` gives who runs now; requests to nobody are refused, those under way end with the agent. */
export function createAgentClient(agent: () => AgentAtWork | undefined, clock: Clock): AgentClient {
  const request = async (asked: Request): Promise<Answer> => {
    await trip(clock);
    const at = agent();
    if (at === undefined) throw new Error('connect ECONNREFUSED');
    const { signal, end } = limited(at.gone, asked, clock);
    try {
      const answer = await Promise.race([answerOf(at.context, asked, signal), failed(signal)]);
      await trip(clock);
      return answer;
    } finally {
      end();
    }
  };
  return {
    request,
    expectOk: async (asked) => {
      const answer = await request(asked);
      if (answer.status >= 200 && answer.status <= 299) return answer;
      throw new UnexpectedStatusError(answer.status, answer.body.toString('utf8'));
    },
  };
}

async function answerOf(
  context: HttpContext,
  asked: Request,
  signal: AbortSignal,
): Promise<Answer> {
  const body = Buffer.from(asked.body ?? '');
  const answer = await serveRequest(
    {
      method: asked.method,
      target: asked.path,
      headers: {},
      remoteAddress: '127.0.0.1',
      signal,
      closing: new AbortController().signal,
      contentLength: body.length,
      body: async () => body,
      chunks: () => once(body),
    },
    HTTP_ROUTE_TABLE,
    context,
    { aclDefaultPolicy: 'allow' },
  );
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) headers[name.toLowerCase()] = value;
  return { status: answer.status, headers, body: Buffer.from(answer.body ?? '') };
}

function limited(gone: AbortSignal, asked: Request, clock: Clock) {
  const limit = new AbortController();
  const give = (why: string) => (): void => limit.abort(new Error(why));
  const reset = give('read ECONNRESET');
  const given = give('aborted');
  gone.addEventListener('abort', reset, { once: true });
  asked.signal?.addEventListener('abort', given, { once: true });
  const timer = clock.setTimeout(give('no answer in time'), asked.timeoutMs ?? 600_000);
  return {
    signal: limit.signal,
    end: () => {
      gone.removeEventListener('abort', reset);
      asked.signal?.removeEventListener('abort', given);
      clock.clearTimeout(timer);
    },
  };
}

function failed(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function trip(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(() => resolve(), TRIP_MS);
  });
}
