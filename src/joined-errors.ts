/** Several errors in one text, in the form that Consul's clients know. */
export function joinedErrors(texts: readonly string[]): string {
  const count = texts.length === 1 ? '1 error' : `${texts.length} errors`;
  return `${count} occurred:\n${texts.map((text) => `\t* ${text}\n`).join('')}\n`;
}
