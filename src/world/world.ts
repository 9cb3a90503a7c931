/**
 * The one door to the outside: clock, randomness, network and disk.
 *
 * Everything in this program that touches time, chance, sockets or files receives a `World` and
 * uses nothing else. `createNodeWorld` (src/world/node) opens the door to the real machine,
 * `SimulatedWorld` (src/world/simulated) to one that is decided wholly by a seed, so that a whole
 * federation, with its partitions and torn writes, runs in one process and can be replayed.
 */

/** Opaque handle of an armed timer. */
export type TimerId = number | object;

/** Time. Shaped so that it can be handed to xstate's `createActor(root, { clock })` as it is. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May jump; never use it to measure. */
  now(): number;
  /** Monotonic milliseconds since an arbitrary origin, with fractions. */
  monotonic(): number;
  /** Calls `fn` once, `timeoutMs` from now. Timers due at the same time fire in order of arming. */
  setTimeout(fn: (...args: unknown[]) => void, timeoutMs: number): TimerId;
  clearTimeout(id: TimerId): void;
}

/** Chance. */
export interface Random {
  /** `n` random bytes, fit for keys and nonces in the real world. */
  bytes(n: number): Uint8Array;
  /** Uniform in 0 … 2^32-1. */
  uint32(): number;
  /** Uniform in [0, 1). */
  float(): number;
}

/** IP address (no brackets, no host names) and port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Names the kind of a network or disk failure as Node does: `ECONNREFUSED`, `ETIMEDOUT`, … */
export interface SystemError extends Error {
  readonly code: string;
}

/** Called by a stream. All optional calls may be left out by a reader that does not care. */
export interface StreamListener {
  /** Bytes arrived. The chunk belongs to the listener. */
  data(chunk: Uint8Array): void;
  /** The peer has half-closed: nothing more will arrive, writing is still possible. */
  end?(): void;
  /** The write buffer, once full (`write` returned false), is empty again. */
  drain?(): void;
  /** The stream is gone, both ways. Called exactly once; `error` says why if it was not in order. */
  closed?(error?: Error): void;
}

/**
 * A reliable, ordered, half-closable stream of bytes: TCP, or TLS over it.
 *
 * A stream starts paused and buffers until `listen` is called. `listen` may be called again to hand
 * the stream over to another owner (the server port does so after the first byte).
 */
export interface ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Filled when the stream is TLS. */
  readonly tls?: TlsFacts;
  listen(listener: StreamListener): void;
  /** Puts bytes back in front of what has not been delivered yet. */
  unshift(chunk: Uint8Array): void;
  /** Returns false when the buffer is above its high-water mark: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  /** Half-closes after what was written. */
  end(): void;
  /** Drops the stream at once; `closed` follows. */
  destroy(error?: Error): void;
  pause(): void;
  resume(): void;
  /** Bytes accepted by `write` and not yet handed to the system. */
  readonly bufferedBytes: number;
}

/** What a finished TLS handshake established. */
export interface TlsFacts {
  /** Negotiated ALPN protocol; `null` when none was. */
  readonly alpn: string | null;
  /** SNI the client sent; `null` when none. */
  readonly servername: string | null;
  /** The verified certificate of the peer; absent when it sent none. */
  readonly peer?: PeerCertificate;
}

/** The part of an X.509 certificate that decisions are made on. */
export interface PeerCertificate {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint: string;
  /** The same of the root that its chain ends at; absent where that is not known. */
  readonly rootFingerprint?: string;
  /** Extended key usages as dotted OIDs. */
  readonly extendedKeyUsage: readonly string[];
}

/** PEM texts of a TLS identity. */
export interface TlsIdentity {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface TlsClientOptions {
  /** PEM texts of the trusted roots; empty trusts nobody. */
  readonly caPem: readonly string[];
  readonly identity?: TlsIdentity;
  /** Sent as SNI; omitted when undefined. */
  readonly servername?: string;
  /** `name`: chain and host name `servername`; `chain`: chain only; `none`: no verification. */
  readonly verify: 'name' | 'chain' | 'none';
  readonly alpn?: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly handshakeTimeoutMs: number;
}

export interface TlsServerOptions {
  readonly caPem: readonly string[];
  readonly identity: TlsIdentity;
  /** `require`: a verified client certificate or no handshake; `none`: not asked for. */
  readonly clientCertificate: 'require' | 'none';
  /** In server order of preference; omitted = ALPN is not offered. */
  readonly alpn?: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly handshakeTimeoutMs: number;
}

export interface ConnectOptions {
  /** IP address or host name (resolved at each dial) and port. */
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** Source address to bind; any when omitted. */
  readonly sourceAddress?: string;
}

/** Something that listens; `close` stops accepting and leaves accepted streams alone. */
export interface Listener {
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

export interface UdpSocket {
  readonly endpoint: Endpoint;
  /** Sends one datagram. Failures are reported to `failed`, never thrown. */
  send(datagram: Uint8Array, to: Endpoint): void;
  close(): Promise<void>;
}

export interface UdpListener {
  received(datagram: Uint8Array, from: Endpoint): void;
  failed?(error: Error, to: Endpoint): void;
}

/** Sockets. Every rejection is a `SystemError` or a TLS error with the peer's words in it. */
export interface Network {
  /** `port` 0 picks a free one. Rejects with `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`. */
  listenTcp(at: Endpoint, accepted: (stream: ByteStream) => void): Promise<Listener>;
  connectTcp(options: ConnectOptions): Promise<ByteStream>;
  bindUdp(at: Endpoint, listener: UdpListener): Promise<UdpSocket>;
  /** Runs the client side of a TLS handshake over `stream`, which is used up by it. */
  tlsClient(stream: ByteStream, options: TlsClientOptions): Promise<ByteStream>;
  /** Runs the server side of a TLS handshake over `stream`, which is used up by it. */
  tlsServer(stream: ByteStream, options: TlsServerOptions): Promise<ByteStream>;
  /** Addresses of a host name, A and AAAA; an IP address is returned as it is. */
  resolve(host: string): Promise<readonly string[]>;
  /** Addresses of this host's interfaces, as `os.networkInterfaces` tells them, without zone. */
  interfaces(): readonly {
    readonly name: string;
    readonly address: string;
    readonly internal: boolean;
  }[];
}

/** An open file. Offsets and lengths in bytes. */
export interface DiskFile {
  readonly path: string;
  size(): Promise<number>;
  /** Reads up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Writes all of `chunks`, in order, at `offset`. Durable only after `sync`. */
  write(offset: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Writes in one piece, durable when it resolves: by one call to the system (O_DSYNC). */
  writeDurably(offset: number, chunk: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Returns when everything written is durable (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A file system: its size and what is free of it, files counted too. */
export interface DiskSpace {
  readonly path: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly files: number;
  readonly filesFree: number;
}

/** Files. Rejections are `SystemError`s: `ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, … */
export interface Disk {
  /** `create` makes the file when missing; `exclusive` fails with `EEXIST` if it is there. */
  open(path: string, mode: 'read' | 'write' | 'create' | 'exclusive'): Promise<DiskFile>;
  readFile(path: string): Promise<Uint8Array>;
  /**
   * Replaces the file in one step: temporary file beside it, sync, rename, sync of the folder.
   * After a crash either the old or the new content is there. `mode` as in chmod, default 0o600.
   */
  writeFileAtomic(path: string, content: Uint8Array, mode?: number): Promise<void>;
  /** Names in a folder, sorted; `ENOENT` if there is none. */
  list(path: string): Promise<readonly string[]>;
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a whole folder; missing is fine. */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Makes renames and removals in the folder durable. */
  syncDirectory(path: string): Promise<void>;
  /** How much room the file system of `path` has. */
  space(path: string): Promise<DiskSpace>;
}

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
}
