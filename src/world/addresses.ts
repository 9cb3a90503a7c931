/** Whether an IP address means "any interface": it can be listened on, not dialed or dialed from. */
export function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::' || address === '';
}
