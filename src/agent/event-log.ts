/** The user events that an agent has seen: the newest 256, and who waits for the next. */

/** Events kept; older ones are forgotten. */
export const EVENTS_MAX = 256;

export class EventLog<Event> {
  #events: readonly Event[] = [];
  readonly #waiting = new Set<() => void>();

  /** Oldest first. */
  get events(): readonly Event[] {
    return this.#events;
  }

  add(event: Event): void {
    this.#events = [...this.#events, event].slice(-EVENTS_MAX);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const seen of waiting) seen();
  }

  /** Calls `seen` once at the next event. Returns the way to give up. */
  onNext(seen: () => void): () => void {
    this.#waiting.add(seen);
    return () => this.#waiting.delete(seen);
  }
}
