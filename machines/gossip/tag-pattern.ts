/** Stands in until patterns are matched in linear time. */
export function matchesPattern(expression: string, text: string): boolean {
  return new RegExp(expression).test(text);
}
