/** Pieces of SVG as text. Everything that comes from outside passes `escapeText`. */

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element; attributes that are undefined are left out, content is taken as it is. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const text = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escapeText(String(value))}"`)
    .join('');
  return `<${name}${text}>${content}</${name}>`;
}

/** Height of a line and width of a letter, px, of the drawings' monospaced text. */
export const LINE = 15;
export const LETTER = 6.65;
export const TITLE_LETTER = 7.3;

export function cutText(text: string, lettersMax: number): string {
  return text.length > lettersMax ? `${text.slice(0, lettersMax - 1)}…` : text;
}

/** The head of an arrow, to be referred to as `url(#<id>)`. */
export function arrowHead(id: string): string {
  const path = element('path', { d: 'M0 0 8 4 0 8z', fill: 'context-stroke' });
  return element(
    'marker',
    {
      id,
      viewBox: '0 0 8 8',
      refX: 7,
      refY: 4,
      markerWidth: 8,
      markerHeight: 8,
      orient: 'auto-start-reverse',
      markerUnits: 'userSpaceOnUse',
    },
    path,
  );
}
