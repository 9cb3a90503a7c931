/**
 * Every message that one actor may send to another, by type. The payload types live with the concern
 * that owns them; this table gathers them so that `routes.ts` can be checked against it.
 *
 * Facts are named in the past tense (`gateways.changed`), commands in the imperative
 * (`packets.send`). One message carries a batch, never one packet or one log entry.
 */

// biome-ignore lint/suspicious/noEmptyInterface: filled by the concerns as they land
export interface Messages {}

export type MessageType = keyof Messages;

/** A message as an event: its payload with its type. */
export type Message<T extends MessageType> = { readonly type: T } & Messages[T];
