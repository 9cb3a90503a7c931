/** Indents compact JSON as Go's `json.Indent` does: for `?pretty`. */

const INDENT = '    ';

/** Takes compact JSON; four blanks a level, empty lists and objects stay closed. */
export function indentJson(compact: string): string {
  const out: string[] = [];
  let depth = 0;
  let at = 0;
  while (at < compact.length) {
    const char = compact[at] as string;
    if (char === '"') {
      const end = endOfString(compact, at);
      out.push(compact.slice(at, end));
      at = end;
      continue;
    }
    const next = compact[at + 1];
    if ((char === '{' && next === '}') || (char === '[' && next === ']')) {
      out.push(char, next);
      at += 2;
      continue;
    }
    if (char === '{' || char === '[') depth += 1;
    if (char === '}' || char === ']') depth -= 1;
    out.push(punctuated(char, depth));
    at += 1;
  }
  return out.join('');
}

function punctuated(char: string, depth: number): string {
  switch (char) {
    case '{':
    case '[':
    case ',':
      return `${char}\n${INDENT.repeat(depth)}`;
    case '}':
    case ']':
      return `\n${INDENT.repeat(depth)}${char}`;
    case ':':
      return ': ';
    default:
      return char;
  }
}

/** Offset behind the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}
