/**
 * One connection to the server port, from its acceptance until it is known what is spoken on it.
 *
 * A port of the Consul family carries everything. The first byte says what follows; 3 is TLS with
 * the real byte inside; anything above 8 is the first byte of a ClientHello, where ALPN says what
 * follows. The connection is then handed over and this machine is done, or it is refused with a
 * reason. It decides; reading, handshakes and handing over are effects.
 */

import { setup } from 'xstate';
import type {
  ConnectionContext,
  ConnectionEvent,
  ConnectionInput,
  PortProtocol,
  PortRules,
  TlsMode,
} from './connection.types.ts';

/** The highest byte that is a type byte (Consul up to 1.15); above it a TLS record begins. */
const TYPE_BYTE_MAX = 8;
const TLS_BYTE = 3;
const INSECURE_TLS_BYTE = 7;

/** Type bytes that are served. 2 is an old multiplexer, 6 and 8 are not in this edition. */
const BY_BYTE: ReadonlyMap<number, PortProtocol> = new Map([
  [0, 'rpc-single'],
  [1, 'raft'],
  [4, 'rpc-multi'],
  [5, 'snapshot'],
]);

/** ALPN protocols that are served. `consul/rpc-gossip` is offered, as Consul does, and discarded. */
const BY_ALPN: ReadonlyMap<string, PortProtocol> = new Map([
  ['consul/rpc-single', 'rpc-single'],
  ['consul/raft', 'raft'],
  ['consul/rpc-multi', 'rpc-multi'],
  ['consul/rpc-snapshot', 'snapshot'],
  ['consul/wan-gossip/packet', 'gossip-packet'],
  ['consul/wan-gossip/stream', 'gossip-stream'],
]);

/** Reasons of refusal, in Consul's words where it has some. */
export const REFUSALS = {
  plaintext: 'Non-TLS connection attempted with VerifyIncoming set',
  noTls: 'TLS connection attempted, server not configured for TLS',
  innerTls: 'TLS connection attempting to establish inner TLS connection',
  protocol: 'discarding RPC for unknown negotiated protocol',
  tooMany: 'rejecting RPC conn from because rpc_max_conns_per_client exceeded',
  gossip: 'WAN federation via mesh gateways is disabled',
  noFirstByte: 'failed to read first byte',
} as const;

type Verdict =
  | { readonly do: 'hand over'; readonly protocol: PortProtocol }
  | { readonly do: 'native tls' }
  | { readonly do: 'inner tls' }
  | { readonly do: 'insecure tls' }
  | { readonly do: 'refuse'; readonly reason: string };

const refuse = (reason: string): Verdict => ({ do: 'refuse', reason });

/** Gossip is never counted: behind one gateway everybody is one client. */
function handOver(
  protocol: PortProtocol,
  rules: PortRules,
  client: { readonly fromSameClient: number; readonly raftRefusal?: string },
): Verdict {
  if (protocol === 'raft' && client.raftRefusal !== undefined) return refuse(client.raftRefusal);
  const gossip = protocol === 'gossip-packet' || protocol === 'gossip-stream';
  if (gossip && !rules.takesGossip) return refuse(REFUSALS.gossip);
  if (!gossip && rules.perClientMax > 0 && client.fromSameClient >= rules.perClientMax) {
    return refuse(REFUSALS.tooMany);
  }
  return { do: 'hand over', protocol };
}

type ByteSeen = Extract<ConnectionEvent, { type: 'byte.seen' }>;

/** What the very first byte means. */
function judgeFirstByte(event: ByteSeen, rules: PortRules): Verdict {
  const { byte } = event;
  if (byte > TYPE_BYTE_MAX && rules.nativeTls) return { do: 'native tls' };
  if (byte === TLS_BYTE) return rules.typeByteTls ? { do: 'inner tls' } : refuse(REFUSALS.noTls);
  if (byte === INSECURE_TLS_BYTE) {
    return rules.typeByteTls ? { do: 'insecure tls' } : refuse(REFUSALS.noTls);
  }
  if (rules.refusesPlaintext) return refuse(REFUSALS.plaintext);
  return judgeTypeByte(event, rules);
}

/** Inside insecure TLS nothing is announced: there is one thing that can be spoken. */
function judgeInsecure(
  event: Extract<ConnectionEvent, { type: 'tls.established' }>,
  rules: PortRules,
): Verdict {
  return handOver('rpc-insecure', rules, event);
}

/** What the byte inside TLS means. */
function judgeInnerByte(event: ByteSeen, rules: PortRules): Verdict {
  if (event.byte === TLS_BYTE || event.byte === INSECURE_TLS_BYTE) return refuse(REFUSALS.innerTls);
  return judgeTypeByte(event, rules);
}

function judgeTypeByte(event: ByteSeen, rules: PortRules): Verdict {
  const protocol = BY_BYTE.get(event.byte);
  if (protocol === undefined) return refuse(`unrecognized RPC byte: byte=${event.byte}`);
  return handOver(protocol, rules, event);
}

function judgeAlpn(
  event: Extract<ConnectionEvent, { type: 'tls.established' }>,
  rules: PortRules,
): Verdict {
  const protocol = event.alpn === null ? undefined : BY_ALPN.get(event.alpn);
  return protocol === undefined ? refuse(REFUSALS.protocol) : handOver(protocol, rules, event);
}

type Judge = 'first byte' | 'inner byte' | 'alpn' | 'insecure';

/** One verdict for guards and for the context, so that they cannot differ. */
function verdict(judge: Judge, context: ConnectionContext, event: ConnectionEvent): Verdict {
  if (event.type === 'tls.established') {
    return judge === 'insecure'
      ? judgeInsecure(event, context.rules)
      : judgeAlpn(event, context.rules);
  }
  if (event.type !== 'byte.seen') throw new Error(`${judge} cannot be judged by ${event.type}`);
  return judge === 'first byte'
    ? judgeFirstByte(event, context.rules)
    : judgeInnerByte(event, context.rules);
}

const s = setup({
  types: {
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    input: {} as ConnectionInput,
  },
  actions: {
    /** Read one byte; inside TLS it is consumed like every type byte. */
    sniff: (_, _params: { readonly id: number }) => {},
    startTls: (_, _params: { readonly id: number; readonly mode: TlsMode }) => {},
    handOver: (_, _params: { readonly id: number; readonly protocol: PortProtocol | null }) => {},
    refuse: (_, _params: { readonly id: number; readonly reason: string }) => {},
    forget: (_, _params: { readonly id: number }) => {},
  },
  guards: {
    says: (
      { context, event },
      params: { readonly judge: Judge; readonly verdict: Verdict['do'] },
    ) => verdict(params.judge, context, event).do === params.verdict,
  },
});

const judged = (judge: Judge) =>
  s.assign(({ context, event }) => {
    const result = verdict(judge, context, event);
    if (result.do === 'hand over') return { protocol: result.protocol };
    return result.do === 'refuse' ? { reason: result.reason } : {};
  });

const because = (text: string) =>
  s.assign(({ event }) => ({
    reason: event.type === 'tls.failed' ? `${text}: ${event.text}` : text,
  }));

const idOf = ({ context }: { readonly context: ConnectionContext }) => ({ id: context.id });

const says = (judge: Judge, verdict: Verdict['do']) =>
  ({ type: 'says', params: { judge, verdict } }) as const;

export const connectionMachine = s.createMachine({
  id: 'connection',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, protocol: null, reason: '' }),
  initial: 'sniffing',
  on: { 'peer.left': '.left' },
  states: {
    sniffing: {
      entry: { type: 'sniff', params: idOf },
      on: {
        'byte.seen': [
          { guard: says('first byte', 'native tls'), target: 'securing.natively' },
          { guard: says('first byte', 'inner tls'), target: 'securing.byTypeByte' },
          { guard: says('first byte', 'insecure tls'), target: 'securing.insecurely' },
          {
            guard: says('first byte', 'hand over'),
            target: 'handedOver',
            actions: judged('first byte'),
          },
          { target: 'refused', actions: judged('first byte') },
        ],
        'deadline.passed': { target: 'refused', actions: because(REFUSALS.noFirstByte) },
      },
    },
    securing: {
      on: {
        'tls.failed': { target: 'refused', actions: because('TLS handshake failed') },
        'deadline.passed': { target: 'refused', actions: because('TLS handshake took too long') },
      },
      initial: 'natively',
      states: {
        natively: {
          entry: {
            type: 'startTls',
            params: ({ context }) => ({ id: context.id, mode: 'native' as const }),
          },
          on: {
            'tls.established': [
              {
                guard: says('alpn', 'hand over'),
                target: '#connection.handedOver',
                actions: judged('alpn'),
              },
              { target: '#connection.refused', actions: judged('alpn') },
            ],
          },
        },
        byTypeByte: {
          entry: {
            type: 'startTls',
            params: ({ context }) => ({ id: context.id, mode: 'type byte' as const }),
          },
          on: { 'tls.established': '#connection.sniffingInside' },
        },
        /** For those who have no certificate yet and come for one. */
        insecurely: {
          entry: {
            type: 'startTls',
            params: ({ context }) => ({ id: context.id, mode: 'insecure' as const }),
          },
          on: {
            'tls.established': [
              {
                guard: says('insecure', 'hand over'),
                target: '#connection.handedOver',
                actions: judged('insecure'),
              },
              { target: '#connection.refused', actions: judged('insecure') },
            ],
          },
        },
      },
    },
    sniffingInside: {
      entry: { type: 'sniff', params: idOf },
      on: {
        'byte.seen': [
          {
            guard: says('inner byte', 'hand over'),
            target: 'handedOver',
            actions: judged('inner byte'),
          },
          { target: 'refused', actions: judged('inner byte') },
        ],
        'deadline.passed': { target: 'refused', actions: because(REFUSALS.noFirstByte) },
      },
    },
    handedOver: {
      type: 'final',
      entry: {
        type: 'handOver',
        params: ({ context }) => ({ id: context.id, protocol: context.protocol }),
      },
    },
    refused: {
      type: 'final',
      entry: {
        type: 'refuse',
        params: ({ context }) => ({ id: context.id, reason: context.reason }),
      },
    },
    /** The peer went away before it said what it wanted. */
    left: { type: 'final', entry: { type: 'forget', params: idOf } },
  },
});
