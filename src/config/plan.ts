/**
 * Everything that an agent is told before it starts, checked, defaulted and immutable. Durations are
 * milliseconds, sizes bytes; a port that is off is `null`.
 */

export interface AgentPlan {
  readonly role: 'server' | 'client';
  readonly devMode: boolean;
  readonly node: NodePlan;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  /** Without the trailing dot. */
  readonly domain: string;
  readonly altDomain?: string;
  /** Absent in dev mode: nothing is kept. */
  readonly dataDir?: string;
  readonly bootstrap: BootstrapPlan;
  readonly addresses: AddressPlan;
  readonly ports: PortPlan;
  readonly tls: TlsPlan;
  readonly gossip: GossipPlan;
  readonly join: JoinPlan;
  readonly raft: RaftPlan;
  readonly limits: LimitPlan;
  readonly connect: ConnectPlan;
  readonly autoEncrypt: AutoEncryptPlan;
  readonly leave: LeavePlan;
  readonly http: HttpPlan;
  readonly telemetry: TelemetryPlan;
  readonly checks: CheckPlan;
  readonly autopilot: AutopilotPlan;
  readonly log: LogPlan;
  readonly definitions: DefinitionPlan;
  readonly pidFile?: string;
  readonly translateWanAddresses: boolean;
  readonly disableCoordinates: boolean;
  readonly sessionTtlMinMs: number;
}

export interface NodePlan {
  readonly name: string;
  /** Lower-case UUID; when absent the file `node-id` of the data directory, else a random one. */
  readonly id?: string;
  readonly meta: Readonly<Record<string, string>>;
}

export type BootstrapPlan =
  | { readonly kind: 'none' }
  /** Elects itself at once. */
  | { readonly kind: 'single' }
  /** Elects when so many servers are there. */
  | { readonly kind: 'expect'; readonly servers: number };

/** IP addresses. */
export interface AddressPlan {
  readonly bind: string;
  readonly serfLan: string;
  readonly serfWan: string;
  readonly advertiseLan: string;
  readonly advertiseWan: string;
  /** Each an IP or `unix://path`. */
  readonly client: readonly string[];
  readonly dns: readonly string[];
  readonly http: readonly string[];
  readonly https: readonly string[];
  readonly grpc: readonly string[];
  /** Tagged addresses from the configuration, over the computed ones. */
  readonly tagged: Readonly<Record<string, string>>;
}

export interface PortPlan {
  readonly dns: number | null;
  readonly http: number | null;
  readonly https: number | null;
  readonly grpc: number | null;
  readonly server: number;
  readonly serfLan: number;
  readonly serfWan: number | null;
}

export interface TlsPlan {
  readonly caFile?: string;
  /** Folder of CA files. */
  readonly caPath?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly verifyIncoming: boolean;
  readonly verifyIncomingRpc: boolean;
  readonly verifyIncomingHttps: boolean;
  readonly verifyOutgoing: boolean;
  readonly verifyServerHostname: boolean;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly serverName?: string;
}

/** Figures of one gossip pool. */
export interface GossipTuning {
  readonly gossipIntervalMs: number;
  readonly gossipNodes: number;
  readonly retransmitMult: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly suspicionMult: number;
}

export interface GossipPlan {
  /** 16, 24 or 32 bytes; absent = not encrypted (or by the keyring file). */
  readonly encryptKey?: Uint8Array;
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
  readonly keyringFile: boolean;
  readonly lan: GossipTuning;
  readonly wan: GossipTuning;
  readonly allowedLan: readonly string[];
  readonly allowedWan: readonly string[];
  readonly rejoinAfterLeave: boolean;
  readonly reconnectTimeoutLanMs: number;
  readonly reconnectTimeoutWanMs: number;
}

/** Addresses to try until one answers. */
export interface RetryJoinPlan {
  readonly addresses: readonly string[];
  readonly intervalMs: number;
  /** 0 = for ever. */
  readonly triesMax: number;
}

export interface JoinPlan {
  readonly startLan: readonly string[];
  readonly startWan: readonly string[];
  readonly retryLan: RetryJoinPlan;
  readonly retryWan: RetryJoinPlan;
  /** Gateways of the primary, WAN side. */
  readonly primaryGateways: { readonly addresses: readonly string[]; readonly intervalMs: number };
}

export interface RaftPlan {
  readonly protocol: number;
  /** 1 … 10; scales heartbeat, election and lease times. */
  readonly multiplier: number;
  readonly snapshotThreshold: number;
  readonly snapshotIntervalMs: number;
  readonly trailingLogs: number;
}

export interface LimitPlan {
  readonly httpMaxConnsPerClient: number;
  readonly httpsHandshakeTimeoutMs: number;
  readonly rpcHandshakeTimeoutMs: number;
  readonly rpcMaxConnsPerClient: number;
  /** Requests a second; `null` = no limit. */
  readonly rpcRate: number | null;
  readonly rpcMaxBurst: number;
  readonly rpcHoldTimeoutMs: number;
  /** Networks from which the server port takes connections; empty = all. Not a key of Consul's. */
  readonly serverAllowedCidrs: readonly string[];
  readonly kvMaxValueSize: number;
  readonly txnMaxReqLen: number;
}

export interface ConnectPlan {
  readonly enabled: boolean;
  /** WAN federation through mesh gateways. */
  readonly meshGatewayWanFederation: boolean;
  readonly caProvider: string;
  readonly caConfig: unknown;
}

/** Certificates that client agents get from servers. */
export interface AutoEncryptPlan {
  /** On servers: they are given. */
  readonly allowTls: boolean;
  /** On clients: one is asked for before anything else. */
  readonly tls: boolean;
  /** Names that the own certificate is to have beyond the node's. */
  readonly dnsNames: readonly string[];
  /** IP addresses beyond loopback. */
  readonly ipAddresses: readonly string[];
}

export interface LeavePlan {
  readonly onTerminate: boolean;
  readonly skipOnInterrupt: boolean;
  readonly drainMs: number;
}

export interface HttpPlan {
  readonly defaultQueryTimeMs: number;
  readonly maxQueryTimeMs: number;
  readonly discoveryMaxStaleMs: number;
  readonly blockEndpoints: readonly string[];
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** Networks that may write; empty = all. */
  readonly allowWriteFrom: readonly string[];
  readonly useCache: boolean;
  readonly debugEndpoints: boolean;
}

export interface TelemetryPlan {
  /** What names of metrics begin with. */
  readonly prefix: string;
  /** Whether they are told in Prometheus' form too. */
  readonly prometheus: boolean;
}

export interface CheckPlan {
  readonly updateIntervalMs: number;
  readonly outputMaxSize: number;
  readonly discardOutput: boolean;
  readonly remoteScripts: boolean;
  readonly localScripts: boolean;
  readonly agentTls: boolean;
}

export interface AutopilotPlan {
  readonly cleanupDeadServers: boolean;
  readonly lastContactThresholdMs: number;
  readonly maxTrailingLogs: number;
  readonly minQuorum: number;
  readonly serverStabilizationTimeMs: number;
}

export interface LogPlan {
  /** Upper case. */
  readonly level: string;
  readonly json: boolean;
  readonly file?: string;
}

/** Definitions as the files hold them (snake case); their owners check them. */
export interface DefinitionPlan {
  readonly services: readonly unknown[];
  readonly checks: readonly unknown[];
  readonly configEntries: readonly unknown[];
}
