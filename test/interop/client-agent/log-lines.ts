// What a real Consul may complain of in its log, and why.

const EXPLAINED: readonly (readonly [why: string, line: RegExp])[] = [
  ['asked before it knew a server', /No known Consul servers|No servers available/],
  ['asked before there was a leader', /No cluster leader/],
  ['the tests ask for what is refused', /Request error: .*(force-leave|keyring|session\/renew)/],
  ['joined before the others listened', /couldn't join|Join cluster failed|Failed to join/],
  ['the check of a test fails on purpose', /Check (is now critical|missed TTL|.*failing)/],
  ['the tests ask for the keys of a pool that has none', /Keyring is empty/],
  ['after a restored snapshot a leader has no log for those behind it', /failed to get log/],
  ['our agents reset the stream of a query whose asker is gone', /cannot decode.*connection reset/],
  ['its own warning about script checks', /enable-script-checks/],
  ['ends a connection that was still in use when all were stopped', /use of closed network/],
];

/** Lines of errors, and of methods that were not found, that nothing explains. */
export function unexplained(lines: readonly string[]): readonly string[] {
  return lines.filter(
    (line) =>
      /\[ERROR\]|can't find (method|service)/.test(line) &&
      !EXPLAINED.some(([, explained]) => explained.test(line)),
  );
}
