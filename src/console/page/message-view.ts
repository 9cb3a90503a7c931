/** The route table as a table, with counts. */

import { type HouseModel, shortCount } from '../drawing/house-model.ts';
import { escapeText } from '../drawing/svg.ts';
import { choice } from './choice.ts';
import { byId } from './dom.ts';

interface Row {
  readonly element: HTMLElement;
  readonly count: Element;
  readonly rate: Element;
  readonly from: string;
  readonly to: string;
  heat: number;
}

const COOLING = 0.86;

export class MessageView {
  readonly #element = byId('messages');
  readonly #model: HouseModel;
  #rows: readonly Row[] = [];
  #drawnFor: unknown = null;

  constructor(model: HouseModel) {
    this.#model = model;
  }

  /** Once a batch. */
  warm(): void {
    const { hello, traffic } = this.#model;
    if (hello && this.#drawnFor !== hello) this.#draw();
    for (const [index, row] of this.#rows.entries()) {
      row.heat = (traffic[index]?.recent ?? 0) > 0 ? 1 : row.heat * COOLING;
    }
  }

  render(): void {
    for (const [index, row] of this.#rows.entries()) {
      const traffic = this.#model.traffic[index];
      if (!traffic) continue;
      row.element.style.setProperty('--heat', row.heat < 0.02 ? '0' : row.heat.toFixed(2));
      row.count.textContent = traffic.count === 0 ? '' : String(traffic.count);
      row.rate.textContent = traffic.rate < 0.05 ? '' : shortRate(traffic.rate);
      const near = choice.actor === null || row.from === choice.actor || row.to === choice.actor;
      row.element.classList.toggle('far', !near);
    }
  }

  #draw(): void {
    const { hello } = this.#model;
    if (!hello) return;
    this.#drawnFor = hello;
    const rows = hello.routes.map(
      ({ from, type, to, why }) =>
        `<tr><td>${escapeText(from)}</td><td class="type">${escapeText(type)}</td>` +
        `<td>${escapeText(to)}</td><td class="number count"></td><td class="number rate"></td>` +
        `<td class="why">${escapeText(why)}</td></tr>`,
    );
    this.#element.innerHTML =
      '<table><thead><tr><th>From</th><th>Message</th><th>To</th><th class="number">Count</th>' +
      `<th class="number">a second</th><th>Why</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
    this.#rows = [...this.#element.querySelectorAll<HTMLElement>('tbody tr')].map(
      (element, index) => ({
        element,
        count: element.querySelector('.count') as Element,
        rate: element.querySelector('.rate') as Element,
        from: hello.routes[index]?.from ?? '',
        to: hello.routes[index]?.to ?? '',
        heat: 0,
      }),
    );
  }
}

function shortRate(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : shortCount(rate);
}
