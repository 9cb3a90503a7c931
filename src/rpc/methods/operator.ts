/** `Operator.*`: the Raft configuration. */

import { DCSpecificRequest } from '../../model/blocks.ts';
import { RaftConfigurationResponse } from '../../model/operator.ts';
import type { RpcMethod } from '../method.ts';

export const OPERATOR_RAFT_GET_CONFIGURATION: RpcMethod<
  DCSpecificRequest,
  RaftConfigurationResponse
> = {
  name: 'Operator.RaftGetConfiguration',
  request: DCSpecificRequest,
  reply: RaftConfigurationResponse,
};
