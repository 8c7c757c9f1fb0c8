/**
 * Which hosts a processor may call over HTTP; plaintext.ts says which of them may be called
 * without TLS. Pure, so a wrong URL is a configuration error at start, not a failed payment later.
 */

/** @returns what is wrong with calling `text`, or undefined */
export function outboundProblem(text: string, hosts: readonly string[]): string | undefined {
  if (!URL.canParse(text)) return `"${text.slice(0, 100)}" is not a URL`;
  const { protocol, hostname, pathname, search, username, origin } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return `${protocol} is neither HTTPS nor HTTP`;
  if (!hosts.includes(hostname)) return `${hostname} is not in TOLLGATE_EGRESS_HOSTS`;
  if (pathname !== '/' || search !== '' || username !== '')
    return `${origin} comes with more than scheme, host and port`;
  return undefined;
}
