/** `Txn.*`: several operations at one index, all or none. */

import { TxnReadRequest, TxnReadResponse, TxnRequest, TxnResponse } from '../../model/txn.ts';
import type { RpcMethod } from '../method.ts';

/** Failed operations are part of the answer, not an error of the call. */
export const TXN_APPLY: RpcMethod<TxnRequest, TxnResponse> = {
  name: 'Txn.Apply',
  request: TxnRequest,
  reply: TxnResponse,
};

export const TXN_READ: RpcMethod<TxnReadRequest, TxnReadResponse> = {
  name: 'Txn.Read',
  request: TxnReadRequest,
  reply: TxnReadResponse,
};
