/**
 * The address of a caller: the socket's, or the one that a trusted proxy sends in X-Real-IP.
 * Addresses are compared in binary form; an IPv4 address mapped into IPv6 counts as IPv4.
 */

import type { HttpResponse } from 'uWebSockets.js';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A list of ranges (CIDR). */
export class AddressList {
  readonly #ranges: readonly [Address, number][];

  constructor(ranges: readonly string[]) {
    this.#ranges = ranges.map((range) => ipaddr.parseCIDR(range));
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  has(text: string): boolean {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return this.#ranges.some(
      ([range, bits]) => range.kind() === address.kind() && address.match([range, bits]),
    );
  }
}

/** Who calls this engine, behind its proxies. */
export class Callers {
  readonly #trustedProxies: AddressList;

  /** @param trustedProxies ranges (CIDR) whose X-Real-IP is believed */
  constructor(trustedProxies: readonly string[]) {
    this.#trustedProxies = new AddressList(trustedProxies);
  }

  /** @param res not yet answered. @param realIp the header X-Real-IP, '' when absent */
  addressOf(res: HttpResponse, realIp: string): string {
    const socketAddress = Buffer.from(res.getRemoteAddressAsText()).toString('latin1');
    return callerAddress(socketAddress, realIp, this.#trustedProxies);
  }
}

/**
 * @param socketAddress of the connection; '' for a unix socket, whose other end is ours
 * @param realIp the header X-Real-IP, '' when absent
 */
export function callerAddress(
  socketAddress: string,
  realIp: string,
  trustedProxies: AddressList,
): string {
  const isProxy = socketAddress === '' || trustedProxies.has(socketAddress);
  return isProxy && realIp !== '' ? realIp : socketAddress;
}
