// Single HTTP calls, each of which says whether it was answered, certainly not done, or unknown.
// Nothing is sent twice: a client that repeats a write by itself would spoil what is recorded.

import { Agent, request } from 'node:http';

const HTTP_PORT = 8500;

export type Outcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly text: string;
      /** `X-Consul-Index`. */
      readonly index: string;
    }
  /** Nobody was there, or it was refused before anything was done. */
  | { readonly kind: 'refused'; readonly text: string }
  /** It broke off, or took too long: nobody knows what has been done. */
  | { readonly kind: 'unknown'; readonly text: string };

export interface Call {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  readonly limitMs: number;
}

/** Answers that promise that nothing was done; clients of Consul rely on them too. */
const REFUSALS = ['No cluster leader', 'node is not the leader', 'leadership transfer in progress'];

export class HttpCalls {
  readonly #agent = new Agent({ keepAlive: true });

  call(host: string, { method, path, body, limitMs }: Call): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { host, port: HTTP_PORT, method, path, agent: this.#agent };
      const sent = request(options, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', broken);
        answer.on('end', () => {
          clearTimeout(timer);
          const text = Buffer.concat(parts).toString();
          const index = String(answer.headers['x-consul-index'] ?? '');
          resolve(judge(answer.statusCode ?? 0, text, index));
        });
      });
      const broken = (error: NodeJS.ErrnoException): void => {
        clearTimeout(timer);
        const kind = error.code === 'ECONNREFUSED' ? 'refused' : 'unknown';
        resolve({ kind, text: error.message });
      };
      const timer = setTimeout(() => sent.destroy(new Error('no answer in time')), limitMs);
      sent.on('error', broken);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function judge(status: number, text: string, index: string): Outcome {
  if (status < 500) return { kind: 'answered', status, text, index };
  const refused = REFUSALS.some((refusal) => text.includes(refusal));
  return { kind: refused ? 'refused' : 'unknown', text };
}
