/** As much of the serf agent's RPC as a bench needs: msgpack, a header and a body each way. */

import { connect, type Socket } from 'node:net';
import {
  IncompleteError,
  type MsgpackAny,
  MsgpackReader,
} from '../../../src/wire/msgpack/reader.ts';
import { any, encode } from '../../../src/wire/msgpack/schema.ts';

interface Waiting {
  readonly hasBody: boolean;
  resolve(body: MsgpackAny): void;
  reject(error: Error): void;
}

/** Answers come in the order of the commands; one connection may have several under way. */
export class SerfRpc {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #received = Buffer.alloc(0);
  #lastSeq = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      while (this.#waiting.length > 0 && this.#readAnswer());
    });
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('the agent has hung up'));
    });
  }

  /** Rejects while the agent does not listen yet. */
  static async connect(host: string, port: number): Promise<SerfRpc> {
    const socket = connect({ host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.on('error', () => {});
    const rpc = new SerfRpc(socket);
    await rpc.#call('handshake', { Version: 1 }, false);
    return rpc;
  }

  async join(addresses: readonly string[]): Promise<void> {
    await this.#call('join', { Existing: addresses, Replay: false }, true);
  }

  /** Status by name. */
  async statuses(): Promise<ReadonlyMap<string, string>> {
    const body = (await this.#call('members', null, true)) as {
      readonly Members: readonly { readonly Name: string; readonly Status: string }[];
    };
    return new Map(body.Members.map(({ Name, Status }) => [Name, Status]));
  }

  close(): void {
    this.#socket.destroy();
  }

  #call(Command: string, body: MsgpackAny, hasBody: boolean): Promise<MsgpackAny> {
    this.#lastSeq += 1;
    this.#socket.write(encode(any, { Command, Seq: this.#lastSeq }));
    if (body !== null) this.#socket.write(encode(any, body));
    return new Promise((resolve, reject) => this.#waiting.push({ hasBody, resolve, reject }));
  }

  /** Takes one answer off what has been received; false when it is not whole yet. */
  #readAnswer(): boolean {
    const reader = new MsgpackReader(this.#received);
    try {
      const { Error: text } = reader.any() as { readonly Error: string };
      const hasBody = this.#waiting[0]?.hasBody === true;
      const body = hasBody && text === '' ? reader.any() : null;
      this.#received = this.#received.subarray(reader.offset);
      const waiting = this.#waiting.shift();
      if (text === '') waiting?.resolve(body);
      else waiting?.reject(new Error(text));
      return true;
    } catch (error) {
      if (error instanceof IncompleteError) return false;
      throw error;
    }
  }
}
