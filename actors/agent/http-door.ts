/** The HTTP door as an actor: listens on all client addresses while it lives. */

import { fromCallback } from 'xstate';
import { textOf } from '../../src/error-text.ts';
import type { HttpContext } from '../../src/http/context.ts';
import { type HttpListener, listenHttp } from '../../src/http/listen.ts';
import { HTTP_ROUTE_TABLE } from '../../src/http/routes.ts';
import type { Log } from '../../src/log.ts';
import { timedRequests } from './agent-metrics.ts';

export interface HttpDoorDeps {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly connectionsPerClientMax: number;
  readonly context: HttpContext;
  readonly log: Log;
}

/** Opens all listeners. Rejects with the first that cannot be opened, and closes the others. */
export async function openHttpDoor(deps: HttpDoorDeps): Promise<readonly HttpListener[]> {
  const opened: HttpListener[] = [];
  for (const address of deps.addresses) {
    try {
      opened.push(
        await listenHttp({
          at: { address, port: deps.port },
          table: HTTP_ROUTE_TABLE,
          context: deps.context,
          aclDefaultPolicy: 'allow',
          began: timedRequests(deps.context.metrics, deps.context.clock),
          connectionsPerClientMax: deps.connectionsPerClientMax,
          failed: ({ method, target }, error) =>
            deps.log.error('Request error', { method, url: target, error }),
        }),
      );
    } catch (error) {
      await closeAll(opened);
      const why = textOf(error);
      throw new Error(`Error starting HTTP server: ${why}`, { cause: error });
    }
  }
  return opened;
}

/** Keeps the door open for as long as it is not stopped. */
export function createHttpDoorActor(listeners: readonly HttpListener[], cache: { close(): void }) {
  return fromCallback(() => () => {
    cache.close();
    void closeAll(listeners);
  });
}

async function closeAll(listeners: readonly HttpListener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}
