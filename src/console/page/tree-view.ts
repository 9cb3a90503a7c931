/** The supervisor tree, with what each actor is in. */

import { type HouseModel, type TreeRow, treeRows } from '../drawing/house-model.ts';
import { escapeText } from '../drawing/svg.ts';
import { choice } from './choice.ts';
import { byId, dataAt, movedChoice, show } from './dom.ts';

export class TreeView {
  readonly #element = byId('tree');
  readonly #model: HouseModel;
  #rows: readonly TreeRow[] = [];

  constructor(model: HouseModel, chosen: (row: string) => void) {
    this.#model = model;
    this.#element.addEventListener('click', (event) => {
      const row = dataAt(event.target, 'row');
      if (row !== null) chosen(row);
    });
    this.#element.addEventListener('keydown', (event) => {
      const at = this.#rows.findIndex(({ id }) => id === choice.row);
      const next = movedChoice(event.key, at, this.#rows.length);
      const row = next === null ? undefined : this.#rows[next];
      if (!row) return;
      event.preventDefault();
      chosen(row.id);
      document.getElementById(`row-${row.id}`)?.scrollIntoView({ block: 'nearest' });
    });
  }

  render(): void {
    this.#rows = treeRows(this.#model);
    const html = this.#rows.map(rowHtml).join('');
    show(this.#element, html);
    if (choice.row !== null) {
      this.#element.setAttribute('aria-activedescendant', `row-${choice.row}`);
    }
  }
}

function rowHtml(row: TreeRow): string {
  const { id, depth, name, state, tone, restarts, note } = row;
  const again = restarts > 0 ? `<span class="restarts" title="restarts">↻${restarts}</span>` : '';
  const hint = escapeText([name, state, note].filter((part) => part !== '').join('\n'));
  return (
    `<div class="node ${tone}" role="treeitem" id="row-${escapeText(id)}" aria-level="${depth + 1}" ` +
    `aria-selected="${id === choice.row}" data-row="${escapeText(id)}" title="${hint}" ` +
    `style="padding-left:${14 + depth * 16}px"><span class="dot"></span>` +
    `<span class="name">${escapeText(name)}</span>${again}` +
    `<span class="value">${escapeText(state)}</span></div>`
  );
}
