/** Every route of the API. */

import type { HttpContext } from './context.ts';
import { ACL_ROUTES } from './handlers/acl.ts';
import { AGENT_ROUTES } from './handlers/agent.ts';
import { AGENT_CHECK_ROUTES } from './handlers/agent-checks.ts';
import { AGENT_HEALTH_ROUTES } from './handlers/agent-health.ts';
import { AGENT_INSIGHT_ROUTES } from './handlers/agent-insight.ts';
import { AGENT_SERVICE_ROUTES } from './handlers/agent-services.ts';
import { CATALOG_ROUTES } from './handlers/catalog.ts';
import { CONFIG_ROUTES } from './handlers/config-entry.ts';
import { CONNECT_CA_ROUTES } from './handlers/connect-ca.ts';
import { COORDINATE_ROUTES } from './handlers/coordinate.ts';
import { DISCOVERY_CHAIN_ROUTES } from './handlers/discovery-chain.ts';
import { EVENT_ROUTES } from './handlers/event.ts';
import { FEDERATION_STATE_ROUTES } from './handlers/federation-states.ts';
import { HEALTH_ROUTES } from './handlers/health.ts';
import { INTENTION_ROUTES } from './handlers/intentions.ts';
import { INTERNAL_UI_ROUTES } from './handlers/internal-ui.ts';
import { INTERNAL_UI_SERVICE_ROUTES } from './handlers/internal-ui-services.ts';
import { KEYRING_ROUTES } from './handlers/keyring.ts';
import { KV_ROUTES } from './handlers/kv.ts';
import { OPERATOR_ROUTES } from './handlers/operator.ts';
import { PREPARED_QUERY_ROUTES } from './handlers/prepared-query.ts';
import { SESSION_ROUTES } from './handlers/session.ts';
import { SNAPSHOT_ROUTES } from './handlers/snapshot.ts';
import { STATUS_ROUTES } from './handlers/status.ts';
import { TXN_ROUTES } from './handlers/txn.ts';
import { RouteTable } from './router.ts';

export const HTTP_ROUTE_TABLE: RouteTable<HttpContext> = new RouteTable([
  ...STATUS_ROUTES,
  ...OPERATOR_ROUTES,
  ...AGENT_ROUTES,
  ...AGENT_SERVICE_ROUTES,
  ...AGENT_CHECK_ROUTES,
  ...AGENT_HEALTH_ROUTES,
  ...AGENT_INSIGHT_ROUTES,
  ...ACL_ROUTES,
  ...CATALOG_ROUTES,
  ...HEALTH_ROUTES,
  ...KV_ROUTES,
  ...SESSION_ROUTES,
  ...TXN_ROUTES,
  ...PREPARED_QUERY_ROUTES,
  ...EVENT_ROUTES,
  ...COORDINATE_ROUTES,
  ...SNAPSHOT_ROUTES,
  ...FEDERATION_STATE_ROUTES,
  ...CONFIG_ROUTES,
  ...CONNECT_CA_ROUTES,
  ...INTERNAL_UI_ROUTES,
  ...INTERNAL_UI_SERVICE_ROUTES,
  ...KEYRING_ROUTES,
  ...INTENTION_ROUTES,
  ...DISCOVERY_CHAIN_ROUTES,
]);
