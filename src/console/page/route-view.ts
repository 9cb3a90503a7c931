/** The route table as a map whose lines glow with what they carry. */

import { type HouseModel, shortCount } from '../drawing/house-model.ts';
import { drawRouteMap, type RoutePair, routePairs } from '../drawing/route-map.ts';
import { choice } from './choice.ts';
import { byId, dataAt } from './dom.ts';

/** Part of a line's heat that is left after a batch. */
const COOLING = 0.86;
/** Messages of one batch at which a line glows fully. */
const FULL_HEAT = 100;

interface Line {
  readonly pair: RoutePair;
  readonly element: SVGGElement;
  readonly label: Element | null;
  heat: number;
}

export class RouteView {
  readonly #element = byId('routes');
  readonly #model: HouseModel;
  #lines: readonly Line[] = [];
  #drawnFor: unknown = null;

  constructor(model: HouseModel, chosen: (actor: string) => void) {
    this.#model = model;
    this.#element.addEventListener('click', (event) => {
      chosen(dataAt(event.target, 'actor') ?? '');
    });
    this.#element.addEventListener('keydown', (event) => {
      const actor = dataAt(event.target, 'actor');
      if (actor === null || (event.key !== 'Enter' && event.key !== ' ')) return;
      event.preventDefault();
      chosen(actor);
    });
  }

  /** Once a batch. */
  warm(): void {
    const { hello, traffic } = this.#model;
    if (hello && this.#drawnFor !== hello) this.#draw();
    for (const line of this.#lines) {
      const recent = line.pair.routes.reduce(
        (sum, index) => sum + (traffic[index]?.recent ?? 0),
        0,
      );
      const warmed = recent > 0 ? 0.45 + 0.55 * (Math.log1p(recent) / Math.log1p(FULL_HEAT)) : 0;
      line.heat = Math.min(1, Math.max(line.heat * COOLING, warmed));
    }
  }

  render(): void {
    const { traffic } = this.#model;
    const seen = new Set<string>();
    for (const { pair, element, label, heat } of this.#lines) {
      element.style.setProperty('--heat', heat < 0.02 ? '0' : heat.toFixed(2));
      const count = pair.routes.reduce((sum, index) => sum + (traffic[index]?.count ?? 0), 0);
      const text = count === 0 ? '' : shortCount(count);
      if (count > 0) seen.add(pair.from).add(pair.to);
      if (label && label.textContent !== text) label.textContent = text;
      element.classList.toggle('near', isNear(pair));
    }
    const known = this.#lines.some(({ pair }) => isNear(pair));
    this.#element.firstElementChild?.classList.toggle('some-chosen', known);
    for (const actor of this.#element.querySelectorAll('.actor')) {
      const name = actor.getAttribute('data-actor') ?? '';
      actor.classList.toggle('chosen', name === choice.actor);
      const absent = !seen.has(name) && this.#model.byName(name) === undefined;
      actor.classList.toggle('absent', absent);
    }
  }

  #draw(): void {
    const { hello } = this.#model;
    if (!hello) return;
    this.#drawnFor = hello;
    this.#element.innerHTML = drawRouteMap(hello.routes);
    const elements = new Map(
      [...this.#element.querySelectorAll<SVGGElement>('.pair')].map((element) => [
        element.dataset['pair'],
        element,
      ]),
    );
    this.#lines = routePairs(hello.routes).flatMap((pair) => {
      const element = elements.get(pair.id);
      return element ? [{ pair, element, label: element.querySelector('.count'), heat: 0 }] : [];
    });
  }
}

function isNear({ from, to }: RoutePair): boolean {
  return choice.actor !== null && (from === choice.actor || to === choice.actor);
}
