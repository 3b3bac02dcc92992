/** As `engines` in package.json says. */
export const leastNode = [22, 14] as const;

/** Why this Node cannot run the command; null where it can. It may use nothing that an old one lacks. */
export function oldNodeReason(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = leastNode;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return null;
  return `lockstep runs on Node ${leastNode.join('.')} or newer, and this is ${version}; install a newer one`;
}
