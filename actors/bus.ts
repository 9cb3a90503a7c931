/**
 * Carries messages between the actors of one process.
 *
 * A direct send delivers in the middle of the sender's transition and nests: long chains overflow
 * the stack and two actors can see each other half-changed. Here every message goes through one
 * queue and is delivered, in order of sending, once the running code has ended (on a microtask).
 * What nobody received is counted, so that a lost message can be seen; a stream in it is closed.
 */

import type { AnyActorRef } from 'xstate';
import type { Message, MessageType, Reply } from '../machines/messages.ts';
import type { ActorName, Post, SenderName } from '../machines/routes.ts';
import type { Log } from '../src/log.ts';
import { soon } from '../src/microtask.ts';
import type { ByteStream, Clock } from '../src/world/world.ts';

/** Messages waiting for delivery at most; what is sent beyond is a dead letter. */
export const QUEUE_MAX = 200_000;

/** Questions waiting for an answer at most; what is asked beyond is refused at once. */
export const QUESTIONS_MAX = 65_536;

/** Nobody answered in time. */
export class AskTimeoutError extends Error {
  override readonly name = 'AskTimeoutError';
  constructor(route: Envelope, timeoutMs: number) {
    super(`${route.to} did not answer ${route.message.type} of ${route.from} in ${timeoutMs} ms`);
  }
}

/** The message could not be delivered: nobody with that name is running, or the queue is full. */
export class UndeliveredError extends Error {
  override readonly name = 'UndeliveredError';
  constructor(letter: Envelope, reason: DeadLetterReason) {
    super(`${letter.message.type} of ${letter.from} did not reach ${letter.to}: ${reason}`);
  }
}

export type DeadLetterReason = 'nobody has that name' | 'the receiver has ended' | 'queue full';

interface AnyMessage {
  readonly type: string;
  readonly reply?: Reply<unknown>;
  readonly stream?: ByteStream;
}

/** The part of an xstate actor system that is needed to find an actor by its `systemId`. */
export interface ActorDirectory {
  get(name: string): AnyActorRef | undefined;
}

/** A message on its way. */
export interface Envelope {
  readonly from: string;
  readonly to: string;
  readonly message: AnyMessage;
}

export interface DeadLetters {
  readonly count: number;
  /** Counts by `from type to`. As many keys as the route table has lines, at most. */
  readonly byRoute: ReadonlyMap<string, number>;
}

export interface Bus {
  /** The sending side of one actor. */
  postFor<Name extends SenderName>(name: Name): Post<Name>;
  /** Messages go to the actors of `system`, by their `systemId`. */
  attach(system: ActorDirectory): void;
  /**
   * Messages to `name` go to `receive`, for what is a receiver without being an actor. Goes before
   * an actor of that name. Returns the way to end it.
   */
  receive<T extends MessageType>(
    name: ActorName,
    receive: (message: Message<T>) => void,
  ): () => void;
  /** Sees every message at its delivery, for consoles and traces. Returns the way to end it. */
  observe(observer: (letter: Envelope) => void): () => void;
  readonly deadLetters: DeadLetters;
  /** Messages sent and not delivered yet. */
  readonly queued: number;
}

export interface BusOptions {
  readonly clock: Clock;
  readonly log: Log;
  /**
   * Whether this process has an actor of that name at all. Messages (not questions) to those it has
   * not are dropped without a word: a client agent has no raft to tell. Default: all are expected.
   */
  readonly houses?: (name: string) => boolean;
}

export function createBus(options: BusOptions): Bus {
  return new QueueBus(options);
}

type Receiver = (message: AnyMessage) => void;

class QueueBus implements Bus {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #receivers = new Map<string, Receiver>();
  readonly #observers = new Set<(letter: Envelope) => void>();
  readonly #deadByRoute = new Map<string, number>();
  readonly #houses: (name: string) => boolean;
  #deadCount = 0;
  #system: ActorDirectory | undefined;
  #queue: Envelope[] = [];
  #delivering = 0;
  #scheduled = false;
  readonly #deliverSoon = (): void => this.#deliverAll();
  #questions = 0;

  constructor(options: BusOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#houses = options.houses ?? (() => true);
  }

  get deadLetters(): DeadLetters {
    return { count: this.#deadCount, byRoute: this.#deadByRoute };
  }

  get queued(): number {
    return this.#queue.length + this.#delivering;
  }

  postFor<Name extends SenderName>(name: Name): Post<Name> {
    const post = {
      send: (to: string, message: AnyMessage) => this.#enqueue({ from: name, to, message }),
      ask: (to: string, question: AnyMessage, limit: { readonly timeoutMs: number }) =>
        this.#ask({ from: name, to, message: question }, limit.timeoutMs),
    };
    // The route table's types are for callers; inside, a letter is a letter.
    return post as unknown as Post<Name>;
  }

  attach(system: ActorDirectory): void {
    this.#system = system;
  }

  receive<T extends MessageType>(
    name: ActorName,
    receive: (message: Message<T>) => void,
  ): () => void {
    if (this.#receivers.has(name)) throw new Error(`${name} has a receiver already`);
    this.#receivers.set(name, receive as unknown as Receiver);
    return () => void this.#receivers.delete(name);
  }

  observe(observer: (letter: Envelope) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  #enqueue(letter: Envelope): void {
    if (this.queued >= QUEUE_MAX) {
      this.#bury(letter, 'queue full');
      return;
    }
    this.#queue.push(letter);
    if (this.#scheduled) return;
    this.#scheduled = true;
    soon(this.#deliverSoon);
  }

  #deliverAll(): void {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      this.#delivering = batch.length;
      for (const letter of batch) {
        this.#delivering--;
        this.#deliver(letter);
      }
    }
    this.#scheduled = false;
  }

  #deliver(letter: Envelope): void {
    for (const observer of this.#observers) observer(letter);
    try {
      const receiver = this.#receivers.get(letter.to);
      if (receiver) receiver(letter.message);
      else this.#deliverToActor(letter);
    } catch (error) {
      this.#log.error('a receiver threw', { ...addressOf(letter), error });
    }
  }

  #deliverToActor(letter: Envelope): void {
    const actor = this.#system?.get(letter.to);
    if (!actor) {
      if (letter.message.reply === undefined && !this.#houses(letter.to)) {
        letter.message.stream?.destroy();
        return;
      }
      this.#bury(letter, 'nobody has that name');
    } else if (actor.getSnapshot().status !== 'active')
      this.#bury(letter, 'the receiver has ended');
    else actor.send(letter.message);
  }

  #bury(letter: Envelope, reason: DeadLetterReason): void {
    this.#deadCount++;
    const route = `${letter.from} ${letter.message.type} ${letter.to}`;
    const count = (this.#deadByRoute.get(route) ?? 0) + 1;
    this.#deadByRoute.set(route, count);
    // Each power of two is a line: the first is seen at once, a flood is not one line each.
    if ((count & (count - 1)) === 0) {
      this.#log.warn('dead letter', { ...addressOf(letter), reason, count });
    }
    letter.message.reply?.refuse(new UndeliveredError(letter, reason));
    // Nobody owns it now, and its peer would wait for an answer.
    letter.message.stream?.destroy();
  }

  #ask(question: Envelope, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#questions >= QUESTIONS_MAX) {
        reject(new UndeliveredError(question, 'queue full'));
        return;
      }
      this.#questions++;
      let open = true;
      const close = (): boolean => {
        if (!open) return false;
        open = false;
        this.#questions--;
        this.#clock.clearTimeout(timer);
        return true;
      };
      const timer = this.#clock.setTimeout(() => {
        if (close()) reject(new AskTimeoutError(question, timeoutMs));
      }, timeoutMs);
      const reply: Reply<unknown> = {
        answer: (answer) => void (close() && resolve(answer)),
        refuse: (error) => void (close() && reject(error)),
      };
      this.#enqueue({ ...question, message: { ...question.message, reply } });
    });
  }
}

function addressOf(letter: Envelope): { from: string; to: string; message: string } {
  return { from: letter.from, to: letter.to, message: letter.message.type };
}
