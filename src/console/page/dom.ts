/** The few things that the views need of the document. */

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

export function inputById(id: string): HTMLInputElement {
  return byId(id) as HTMLInputElement;
}

export function selectById(id: string): HTMLSelectElement {
  return byId(id) as HTMLSelectElement;
}

/** The closest ancestor, or the element itself, that carries `data-<name>`, and its value. */
export function dataAt(target: EventTarget | null, name: string): string | null {
  if (!(target instanceof Element)) return null;
  return target.closest(`[data-${name}]`)?.getAttribute(`data-${name}`) ?? null;
}

/** Replaces the content when it is another: what has not changed keeps its focus and selection. */
export function show(element: HTMLElement, html: string): void {
  if (shown.get(element) === html) return;
  shown.set(element, html);
  element.innerHTML = html;
}

const shown = new WeakMap<HTMLElement, string>();

/** The key that moves a choice in a list: how far it goes from `at`, of `length` in all. */
export function movedChoice(key: string, at: number, length: number): number | null {
  const last = length - 1;
  switch (key) {
    case 'ArrowDown':
      return Math.min(last, at + 1);
    case 'ArrowUp':
      return Math.max(0, at - 1);
    case 'PageDown':
      return Math.min(last, at + 10);
    case 'PageUp':
      return Math.max(0, at - 10);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return null;
  }
}
