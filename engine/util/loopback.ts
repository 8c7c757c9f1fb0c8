/** Whether a host is this machine: what is sent to it, or listened to on it, does not leave it. */
import { isIPv4 } from 'node:net';

/** @param host a name or an address, without port and brackets; in small letters */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
