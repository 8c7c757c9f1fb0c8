/** Tells whether a host is this machine, so that traffic to it does not leave the machine. */
import { isIPv4 } from 'node:net';

/** @param host a name or an address, without port and brackets; in small letters */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
