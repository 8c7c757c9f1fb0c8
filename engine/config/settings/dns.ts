/** Settings of ops/deploy/dns: which records are kept at Cloudflare. */
import { text } from '../settings.js';

export const dnsTable = {
  name: text('TOLLGATE_DNS_NAME', 'pay.example.com', 'public name of the API'),
  addresses: text(
    'TOLLGATE_DNS_ADDRESSES',
    '192.0.2.10,192.0.2.11',
    "addresses of the edge, comma-separated (outputs Address0, Address1 of ops/deploy/aws's stack)",
  ),
  zone: text('TOLLGATE_CLOUDFLARE_ZONE', '', "Cloudflare's id of the zone"),
  tokenFile: text(
    'TOLLGATE_CLOUDFLARE_TOKEN_FILE',
    '',
    'file with an API token that may edit the DNS and the TLS settings of this zone only',
  ),
  token: text('TOLLGATE_CLOUDFLARE_TOKEN', '', 'the token itself, instead of a file'),
  url: text('TOLLGATE_CLOUDFLARE_URL', 'https://api.cloudflare.com/client/v4', "Cloudflare's API"),
} as const;
