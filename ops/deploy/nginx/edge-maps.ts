/**
 * What the edge reads from a request by `map`: the checkout id, whether header and path agree, and
 * whether the client waits for a change.
 */
const ID = '[A-Za-z0-9_-]{1,64}';

export function idMaps(): string[] {
  return [
    '# Only what fits the pattern comes out of these maps, and only what comes out is hashed.',
    'map $http_x_payment_checkout_id $header_id {',
    'default "";',
    String.raw`"~^(?<header_id_text>${ID})\z" $header_id_text;`,
    '}',
    'map $request_uri $path_id {',
    'default "";',
    String.raw`"~^/payments/(?<path_id_text>${ID})(?:/[A-Za-z0-9_-]+)*(?:\?|\z)" $path_id_text;`,
    '}',
    '# Where header and path both have an id they must be the same.',
    'map "$path_id/$http_x_payment_checkout_id" $path_verdict {',
    'default mismatch;',
    '"~^/" invalid;',
    String.raw`"~^(${ID})/(?:\1)?\z" fine;`,
    '}',
    'map "$http_x_payment_checkout_id/$header_id" $header_verdict {',
    'default fine;',
    '"/" missing;',
    '"~/$" invalid;',
    '}',
    '# A webhook without an id in its path goes to any shard.',
    'map $request_uri $webhook_key {',
    'default "";',
    String.raw`"~^/webhooks/psp/[a-z0-9]+(?:\?|\z)" $request_id;`,
    String.raw`"~^/webhooks/psp/[a-z0-9]+/${ID}/(?<webhook_id>${ID})(?:\?|\z)" $webhook_id;`,
    '}',
  ];
}

export function waitMap(): string[] {
  return [
    'map "$request_method/$http_prefer" $waits {',
    'default 0;',
    String.raw`"~*^(?:GET|HEAD)/(?:.*[,;\s])?wait" 1;`,
    '}',
  ];
}
