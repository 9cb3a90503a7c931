/** One machine's statechart, with the state that a chosen actor is in. */

import { type HouseModel, type KnownActor, stateText } from '../drawing/house-model.ts';
import { activeStates, drawChart } from '../drawing/statechart.ts';
import { escapeText } from '../drawing/svg.ts';
import { choice } from './choice.ts';
import { byId, selectById, show } from './dom.ts';

const SCALE_MIN = 0.88;
const SCALE_MAX = 1.15;

export class ChartView {
  readonly #machine = selectById('machine');
  readonly #instance = selectById('instance');
  readonly #chart = byId('chart');
  readonly #context = byId('context');
  readonly #state = byId('chart-state');
  readonly #model: HouseModel;
  #drawn = '';
  #marked = '';

  constructor(model: HouseModel, chosen: (row: string) => void) {
    this.#model = model;
    this.#machine.addEventListener('change', () => {
      choice.machine = this.#machine.value;
      const first = this.#actorsOf(choice.machine)[0];
      if (first) chosen(first.sessionId);
      this.render();
    });
    this.#instance.addEventListener('change', () => chosen(this.#instance.value));
  }

  render(): void {
    const { hello } = this.#model;
    if (!hello) return;
    const machine = choice.machine ?? hello.charts[0]?.id ?? '';
    const options = hello.charts.map(({ id }) => {
      const alive = this.#actorsOf(id).length;
      const text = alive === 0 ? id : `${id} (${alive})`;
      return `<option value="${escapeText(id)}">${escapeText(text)}</option>`;
    });
    show(this.#machine, options.join(''));
    this.#machine.value = machine;
    const actors = this.#actorsOf(machine);
    const actor = actors.find(({ sessionId }) => sessionId === choice.row) ?? actors[0];
    const names = actors.map(
      ({ sessionId, name }) =>
        `<option value="${escapeText(sessionId)}">${escapeText(name)}</option>`,
    );
    show(this.#instance, names.join('') || '<option>none is running</option>');
    if (actor) this.#instance.value = actor.sessionId;
    this.#draw(machine, actor);
  }

  #actorsOf(machine: string): readonly KnownActor[] {
    return [...this.#model.actors.values()].filter((actor) => actor.machine === machine);
  }

  #draw(machine: string, actor: KnownActor | undefined): void {
    const chart = this.#model.hello?.charts.find(({ id }) => id === machine);
    if (!chart) return;
    if (this.#drawn !== machine) {
      this.#chart.innerHTML = drawChart(chart);
      this.#drawn = machine;
      this.#marked = '';
      this.#fit();
    }
    const mark = actor ? `${actor.sessionId} ${JSON.stringify(actor.snapshot.value)}` : 'nobody';
    if (this.#marked !== mark) {
      this.#marked = mark;
      this.#mark(machine, actor);
    }
    this.#state.textContent = actor
      ? stateText(actor.snapshot.value) || actor.snapshot.status
      : 'not running in this process';
    show(this.#context, actor ? contextHtml(actor) : '');
  }

  /** Scales the drawing to the room it has, as far as it can still be read. */
  #fit(): void {
    const svg = this.#chart.querySelector('svg');
    if (!svg) return;
    const { width, height } = svg.viewBox.baseVal;
    const room = { width: this.#chart.clientWidth - 28, height: this.#chart.clientHeight - 28 };
    const fitting = Math.min(room.width / width, room.height / height);
    const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, fitting));
    svg.setAttribute('width', String(width * scale));
    svg.setAttribute('height', String(height * scale));
  }

  #mark(machine: string, actor: KnownActor | undefined): void {
    const active = actor ? activeStates(machine, actor.snapshot.value) : new Set<string>();
    for (const state of this.#chart.querySelectorAll('.state')) {
      const isActive = active.has(state.getAttribute('data-state') ?? '');
      state.classList.toggle('active', isActive);
      state.classList.toggle('leaf', isActive && state.querySelector('.state') === null);
    }
    this.#chart.querySelector('.leaf')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
}

function contextHtml({ name, lastEvent, snapshot }: KnownActor): string {
  const { context, error, output, status } = snapshot;
  const parts = [
    `${name}: ${status}${lastEvent === '' ? '' : `\nlatest event: ${lastEvent}`}`,
    error === undefined ? '' : `error: ${JSON.stringify(error)}`,
    output === undefined ? '' : `output: ${JSON.stringify(output, undefined, 2)}`,
    context === undefined ? '' : `context: ${JSON.stringify(context, undefined, 2)}`,
  ];
  return escapeText(parts.filter((part) => part !== '').join('\n\n'));
}
