// Who has the wrong key, certificate, datacenter or protocol is refused by a running server with one
// line of its log, and the server goes on.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import {
  end,
  endAll,
  folder,
  GOSSIP_KEY,
  leads,
  OTHER_KEY,
  put,
  refused,
  removeFolder,
  serverConfig,
  start,
  tlsOf,
  url,
  withConfig,
} from './lone-server.ts';
import { type Ending, NETWORK, until } from './program.ts';

afterEach(endAll);
afterAll(removeFolder);

describe('a stranger is refused by a running server', () => {
  const config = { ...tlsOf('good'), encrypt: GOSSIP_KEY };

  /** What the server said about the address of the second one since it stood. */
  async function meet(second: object): Promise<{
    readonly stranger: Ending & { readonly lines: readonly string[] };
    readonly heard: readonly string[];
  }> {
    const server = start(withConfig(serverConfig(1, config)));
    await leads(1);
    const before = server.lines.length;
    const join = { retry_join: [`${NETWORK}.9.1`], retry_max: 1, retry_interval: '1s' };
    const { bootstrap_expect: _, ...joining } = serverConfig(2, { ...join, ...second });
    const stranger = await refused(withConfig(joining));
    const heard = server.lines.slice(before).filter((line) => /"level":[45]0/.test(line));
    expect(await put(1, 'still', 'there')).toBe(200);
    return { stranger, heard };
  }

  test('with another gossip key', async () => {
    const { stranger, heard } = await meet({ ...tlsOf('second'), encrypt: OTHER_KEY });
    expect(stranger.code).toBe(1);
    expect(stranger.lines.at(-1)).toMatch(/max join LAN retry exhausted, exiting/);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.length).toBeLessThanOrEqual(2);
  });

  test('without a gossip key', async () => {
    const { stranger, heard } = await meet(tlsOf('second'));
    expect(stranger.code).toBe(1);
    expect(stranger.lines.at(-1)).toMatch(/max join LAN retry exhausted, exiting/);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.length).toBeLessThanOrEqual(2);
  });

  test('of another datacenter', async () => {
    const { stranger, heard } = await meet({
      ...tlsOf('elsewhere'),
      encrypt: GOSSIP_KEY,
      datacenter: 'dc2',
    });
    expect(stranger.code).toBe(1);
    expect(stranger.lines.at(-1)).toMatch(/max join LAN retry exhausted, exiting/);
    const whole = stranger.lines.join('\n');
    expect(whole).toMatch(/Member 'n[12]' part of wrong datacenter 'dc[12]'/);
    expect(heard.length).toBeLessThanOrEqual(2);
  });

  test('with a certificate of another authority', async () => {
    const server = start(withConfig(serverConfig(1, config)));
    await leads(1);
    const before = server.lines.length;
    // A client agent whose authority is another: its gossip is fine, its calls are refused.
    const { bootstrap_expect: _, ...other } = serverConfig(2, {
      ...tlsOf('foreign', 'other-ca'),
      encrypt: GOSSIP_KEY,
      server: false,
      retry_join: [`${NETWORK}.9.1`],
    });
    const client = start(withConfig(other));
    await until('the client refuses the server', 20_000, async () => {
      const answer = await fetch(url(2, '/v1/catalog/nodes')).catch(() => undefined);
      return answer?.status === 500 && /certificate|tls|handshake/.test(await answer.text());
    });
    await end(client);
    const heard = server.lines
      .slice(before)
      .filter((line) => /"level":[45]0/.test(line) && line.includes('alpn-listener'));
    expect(heard.length).toBeLessThanOrEqual(3);
    expect(await put(1, 'still', 'there')).toBe(200);
  });

  const lies = [
    ['a certificate of another authority', { identity: 'foreign', protocol: 'consul/rpc-multi' }],
    ['no certificate', { identity: '', protocol: 'consul/rpc-multi' }],
    ['a protocol that is none', { identity: 'second', protocol: 'h2' }],
    ['raft, as a server of another datacenter', { identity: 'elsewhere', protocol: 'consul/raft' }],
  ] as const;
  test.each(lies)('that shows %s to the server port', async (_, { identity, protocol }) => {
    const strict = { ...config, verify_incoming: true };
    const server = start(withConfig(serverConfig(1, strict)));
    await leads(1);
    const before = server.lines.length;
    const pem = (name: string): Buffer => readFileSync(join(folder, `${name}.pem`));
    const shown = identity === '' ? {} : { cert: pem(identity), key: pem(`${identity}-key`) };
    await new Promise<void>((resolve) => {
      const socket = connectTls({
        host: `${NETWORK}.9.1`,
        port: 8300,
        ...shown,
        ca: pem('ca'),
        rejectUnauthorized: false,
        servername: 'server.dc1.consul',
        ALPNProtocols: [protocol],
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.on('secureConnect', () => socket.write(Buffer.alloc(64)));
      socket.resume();
    });
    const heard = (): readonly string[] =>
      server.lines.slice(before).filter((line) => /"level":[45]0/.test(line));
    await until('a line of the log', 5_000, () => heard().length > 0);
    expect(heard()).toHaveLength(1);
    expect(heard()[0]).toMatch(/"msg":"connection refused"/);
    expect(await put(1, 'still', 'there')).toBe(200);
  });
});
