/** The last events, newest first; only those in sight are in the document. */

import {
  type EventRow,
  eventMatches,
  eventRows,
  type HouseModel,
  type SeenEvent,
} from '../drawing/house-model.ts';
import { escapeText } from '../drawing/svg.ts';
import { byId, dataAt, inputById, movedChoice, show } from './dom.ts';

const ROW_HEIGHT = 20;
const ROWS_AROUND = 8;

export class EventView {
  readonly #list = byId('events');
  readonly #room = byId('event-room');
  readonly #body = byId('event-body');
  readonly #filter = inputById('filter');
  readonly #inner = inputById('inner');
  readonly #pause = byId('pause');
  readonly #count = byId('event-count');
  readonly #model: HouseModel;
  /** What is listed while paused. */
  #held: readonly SeenEvent[] | null = null;
  #shown: readonly EventRow[] = [];
  #chosen: string | null = null;

  constructor(model: HouseModel) {
    this.#model = model;
    this.#filter.addEventListener('input', () => this.render());
    this.#inner.addEventListener('change', () => {
      this.#held = this.#held === null ? null : this.#listed();
      this.render();
    });
    this.#pause.addEventListener('click', () => this.pause());
    this.#list.addEventListener('scroll', () => this.#draw());
    this.#list.addEventListener('click', (event) => {
      const id = dataAt(event.target, 'event');
      if (id !== null) this.#choose(id);
    });
    this.#list.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Stops or starts the list; events go on to be kept. */
  pause(): void {
    this.#held = this.#held === null ? this.#listed() : null;
    this.#pause.setAttribute('aria-pressed', String(this.#held !== null));
    this.#pause.textContent = this.#held === null ? 'Pause' : 'Go on';
    this.render();
  }

  focusFilter(): void {
    this.#filter.focus();
    this.#filter.select();
  }

  render(): void {
    const words = this.#filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.#held ?? this.#listed();
    const found = all.filter((event) => eventMatches(event, words));
    this.#shown = eventRows(found);
    const paused = this.#held === null ? '' : ', paused';
    this.#count.textContent = `${found.length} of the last ${all.length}${paused}`;
    this.#draw();
  }

  #listed(): readonly SeenEvent[] {
    const { messages, innerEvents } = this.#model;
    if (!this.#inner.checked) return messages;
    return [...messages, ...innerEvents].sort((a, b) => a.number - b.number);
  }

  #key(event: KeyboardEvent): void {
    const at = this.#shown.findIndex((row) => row.event.id === this.#chosen);
    const next = movedChoice(event.key, at, this.#shown.length);
    const chosen = next === null ? undefined : this.#shown[next]?.event;
    if (!chosen || next === null) return;
    event.preventDefault();
    // A list that moves under the reader cannot be walked.
    if (this.#held === null) this.pause();
    this.#choose(chosen.id);
    const top = next * ROW_HEIGHT;
    if (top < this.#list.scrollTop) this.#list.scrollTop = top;
    const bottom = top + ROW_HEIGHT - this.#list.clientHeight;
    if (bottom > this.#list.scrollTop) this.#list.scrollTop = bottom;
  }

  #choose(id: string): void {
    this.#chosen = id;
    const event = this.#shown.find((row) => row.event.id === id)?.event;
    if (event) {
      const head = `${timeText(event.at)}  ${event.from || '·'} → ${event.to}`;
      show(this.#body, escapeText(`${head}\n${JSON.stringify(event.body, undefined, 2)}`));
    }
    this.#draw();
  }

  #draw(): void {
    const { length } = this.#shown;
    this.#room.style.height = `${length * ROW_HEIGHT}px`;
    const first = Math.max(0, Math.floor(this.#list.scrollTop / ROW_HEIGHT) - ROWS_AROUND);
    const rows = Math.ceil(this.#list.clientHeight / ROW_HEIGHT) + 2 * ROWS_AROUND;
    const html: string[] = [];
    for (let place = first; place < Math.min(length, first + rows); place++) {
      const row = this.#shown[place];
      if (row) html.push(rowHtml(row, place, row.event.id === this.#chosen));
    }
    show(this.#room, html.join(''));
  }
}

function rowHtml({ event, times }: EventRow, place: number, chosen: boolean): string {
  const { id, at, kind, from, to, type } = event;
  const again = times > 1 ? ` <b>×${times}</b>` : '';
  return (
    `<div class="event ${kind === 'message' ? 'message' : 'event-inner'}" role="option" ` +
    `aria-selected="${chosen}" data-event="${escapeText(id)}" style="top:${place * ROW_HEIGHT}px">` +
    `<time>${timeText(at)}</time><span>${escapeText(from)}</span><span class="to-sign">→</span>` +
    `<span>${escapeText(to)}</span><span class="type">${escapeText(type)}${again}</span></div>`
  );
}

function timeText(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}
