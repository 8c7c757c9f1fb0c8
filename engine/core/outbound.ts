/**
 * Whom this system may call: HTTPS to listed hosts; plain HTTP to the loopback only. Pure,
 * so that a wrong URL is a configuration error at the start, not a failed payment later.
 */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** @returns what is wrong with calling `text`, or undefined */
export function outboundProblem(text: string, hosts: readonly string[]): string | undefined {
  if (!URL.canParse(text)) return `"${text.slice(0, 100)}" is not a URL`;
  const { protocol, hostname, pathname, search, username, origin } = new URL(text);
  if (protocol !== 'https:' && !(protocol === 'http:' && LOOPBACK.test(hostname)))
    return `${origin} is neither HTTPS nor plain HTTP to the loopback`;
  if (!hosts.includes(hostname)) return `${hostname} is not in TOLLGATE_EGRESS_HOSTS`;
  if (pathname !== '/' || search !== '' || username !== '')
    return `${origin} comes with more than scheme, host and port`;
  return undefined;
}
