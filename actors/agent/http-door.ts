/** The HTTP door as an actor: listens on all client addresses while it lives. */

import { DRAIN_LIMIT_MS, httpDoorMachine } from '../../machines/agent/http-door.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import { textOf } from '../../src/error-text.ts';
import type { HttpContext } from '../../src/http/context.ts';
import { type HttpListener, listenHttp } from '../../src/http/listen.ts';
import { HTTP_ROUTE_TABLE } from '../../src/http/routes.ts';
import type { Log } from '../../src/log.ts';
import { timedRequests } from './agent-metrics.ts';

/** The door ends by itself before its supervisor would end it by force. */
const SHUTDOWN_SLACK_MS = 500;

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

/** Keeps the door open until it is told to shut. */
export function httpDoorSpec(
  listeners: readonly HttpListener[],
  cache: { close(): void },
): ChildSpec {
  const logic = httpDoorMachine.provide({
    actions: {
      drain: ({ self }) => {
        void Promise.all(listeners.map((listener) => listener.drain())).then(() => {
          if (self.getSnapshot().status === 'active') self.send({ type: 'drain.finished' });
        });
      },
      cut: () => {
        cache.close();
        void closeAll(listeners);
      },
    },
  });
  return {
    id: 'http-door',
    logic,
    restart: 'permanent',
    shutdownMs: DRAIN_LIMIT_MS + SHUTDOWN_SLACK_MS,
  };
}

async function closeAll(listeners: readonly HttpListener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}
