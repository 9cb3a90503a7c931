/** One HTML text, with its script and style in it. */
export function buildPage(): Promise<string>;
