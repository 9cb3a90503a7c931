/**
 * One write over HTTP/1.1, as bytes: the same for all programs but for path and body. Consul and
 * mobius take a value as it is; etcd's JSON gateway takes key and value in base64.
 */

export const VALUE_BYTES = 256;
const VALUE = Buffer.alloc(VALUE_BYTES, 'value of a benchmark; ');
const VALUE_BASE64 = VALUE.toString('base64');
const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;

export type Door = 'kv' | 'etcd';

/** The bytes of a request that writes `key`. */
export function putRequest(door: Door, host: string, key: string): Buffer {
  if (door === 'kv') {
    const head = `PUT /v1/kv/${key} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${VALUE_BYTES}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), VALUE]);
  }
  const body = `{"key":"${Buffer.from(key).toString('base64')}","value":"${VALUE_BASE64}"}`;
  const head = `POST /v3/kv/put HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body);
}

/** Whether an answer says that the write is done. */
export function isAcknowledged(door: Door, { status, body }: Answer): boolean {
  if (status !== 200) return false;
  return door === 'kv' ? body.startsWith('true') : body.includes('"revision"');
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The answer at the beginning of `bytes`; null: not all of it is here. Throws without a length. */
export function readAnswer(bytes: Buffer): Answer | null {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return null;
  const head = bytes.toString('latin1', 0, end);
  const length = LENGTH.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${head}`);
  const start = end + HEAD_END.length;
  if (bytes.length < start + Number(length)) return null;
  return { status: Number(head.slice(9, 12)), body: bytes.toString('utf8', start) };
}
