/** The URL of the user's own database, if the variable names one. Its value is never shown: it holds a password. */
export function ownUrl(
  env: NodeJS.ProcessEnv,
  variable: string,
  protocols: readonly string[],
): { url: string } | undefined {
  const value = env[variable];
  if (!value) return undefined;
  const parsed = URL.parse(value);
  if (parsed === null || !protocols.includes(parsed.protocol)) {
    const found = parsed === null ? 'no URL' : `a URL with ${parsed.protocol}//`;
    throw new Error(
      `${variable} is ${found}: it should look like ${protocols[0]}//user:password@host:port/database`,
    );
  }
  return { url: value };
}
