/**
 * What can be wrong with a configuration, as data; the text is made last. Texts that Consul has too
 * are Consul's to the letter, since scripts and people look for them.
 */

/**
 * When it is found, which decides what is shown of several: the file, the putting together, the
 * single values, the rules over all of them. Warnings refuse nothing.
 */
export type IssuePhase = 'file' | 'build' | 'value' | 'rule' | 'warning';

export interface ConfigIssue {
  readonly phase: IssuePhase;
  /** Stable name of the kind of issue: `datacenter.invalid`. */
  readonly id: string;
  /** The dotted key it is about, when it is about one. */
  readonly key?: string;
  /** The file it stands in; set for `file` issues. */
  readonly file?: string;
  readonly text: string;
}

/** A file that cannot be read or understood, or one thing in it. */
export function fileIssue(id: string, file: string, text: string, key?: string): ConfigIssue {
  return { phase: 'file', id, file, text, ...(key === undefined ? {} : { key }) };
}

/** A value that cannot be what its key needs. */
export function valueIssue(id: string, key: string, text: string): ConfigIssue {
  return { phase: 'value', id, key, text };
}

/** What prevents the putting together of a plan. */
export function buildIssue(id: string, text: string, key?: string): ConfigIssue {
  return { phase: 'build', id, text, ...(key === undefined ? {} : { key }) };
}

/** Values that cannot be used together or break a rule. */
export function ruleIssue(id: string, text: string, key?: string): ConfigIssue {
  return { phase: 'rule', id, text, ...(key === undefined ? {} : { key }) };
}

export function warning(id: string, text: string): ConfigIssue {
  return { phase: 'warning', id, text };
}

/**
 * The error text of a configuration that was refused, `undefined` if nothing refuses it. As Consul:
 * the first file that is wrong, with all that is wrong in it; else all wrong values; else the first
 * broken rule.
 */
export function failureText(issues: readonly ConfigIssue[]): string | undefined {
  const inFiles = issues.filter((issue) => issue.phase === 'file');
  const [first] = inFiles;
  if (first !== undefined) {
    if (first.id === 'file.unreadable') return first.text;
    const inFile = inFiles.filter((issue) => issue.file === first.file);
    if (first.id === 'file.malformed') return `failed to parse ${first.file}: ${first.text}`;
    return `failed to parse ${first.file}: ${listText(inFile.map((issue) => issue.text))}`;
  }
  const unbuildable = issues.find((issue) => issue.phase === 'build');
  if (unbuildable !== undefined) return unbuildable.text;
  const values = issues.filter((issue) => issue.phase === 'value');
  if (values.length > 0) return listText(values.map((issue) => issue.text));
  return issues.find((issue) => issue.phase === 'rule')?.text;
}

/** Warnings, in order. */
export function warningTexts(issues: readonly ConfigIssue[]): readonly string[] {
  return issues.filter((issue) => issue.phase === 'warning').map((issue) => issue.text);
}

/** The form of Go's multierror. */
export function listText(texts: readonly string[]): string {
  const head = texts.length === 1 ? '1 error occurred:' : `${texts.length} errors occurred:`;
  return `${head}\n${texts.map((text) => `\t* ${text}\n`).join('')}\n`;
}
