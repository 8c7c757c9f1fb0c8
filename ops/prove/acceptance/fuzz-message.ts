/**
 * An HTTP/1.1 request as bytes: how a draft is written, and how RFC 9112 reads any bytes. The
 * judge looks at the bytes only, so that it cannot share a mistake with what made them.
 */
export interface Draft {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Field lines, in order. Written as Latin-1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** What goes out, and in how many packets. */
export interface RawRequest {
  readonly bytes: Buffer;
  /** Offsets where a new packet begins. */
  readonly cuts: readonly number[];
}

/** A request as RFC 9112 reads it; fields that are not well-formed are left as they are. */
export interface Message {
  readonly requestLine: string;
  readonly fieldLines: readonly string[];
  readonly method: string;
  /** The target without its query. */
  readonly path: string;
  /** Behind the head, as sent. */
  readonly rest: Buffer;
  /** The content; undefined when its length cannot be told, or is not that of `rest`. */
  readonly body: Buffer | undefined;
  /** The values of a field, by its name in lower case. */
  readonly values: (name: string) => readonly string[];
}

const CRLF = '\r\n';
const HEAD_END = `${CRLF}${CRLF}`;

export function write(draft: Draft): Buffer {
  const fields = draft.headers.map(([name, value]) => `${name}: ${value}${CRLF}`);
  const line = `${draft.method} ${draft.target} ${draft.version}${CRLF}`;
  return Buffer.concat([Buffer.from(line + fields.join('') + CRLF, 'latin1'), draft.body]);
}

export function chunked(parts: readonly Buffer[], end = `0${HEAD_END}`): Buffer {
  const chunks = parts
    .filter((part) => part.length > 0)
    .map((part) =>
      Buffer.concat([Buffer.from(part.length.toString(16) + CRLF), part, Buffer.from(CRLF)]),
    );
  return Buffer.concat([...chunks, Buffer.from(end)]);
}

/** @returns undefined when there is no end of a head */
export function read(bytes: Buffer): Message | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const [requestLine = '', ...fieldLines] = bytes.toString('latin1', 0, headEnd).split(CRLF);
  const fields = fieldLines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const values = (name: string): string[] =>
    fields.filter(([key]) => key === name).map(([, value]) => value);
  const rest = bytes.subarray(headEnd + HEAD_END.length);
  const [method = '', target = ''] = requestLine.split(' ');
  const path = target.split('?')[0]!;
  return {
    ...{ requestLine, fieldLines, method, path, rest, values },
    body: contentOf(rest, values('content-length'), values('transfer-encoding')),
  };
}

function contentOf(
  rest: Buffer,
  lengths: readonly string[],
  encodings: readonly string[],
): Buffer | undefined {
  if (encodings.length > 0) {
    const isChunked = lengths.length === 0 && encodings.length === 1 && encodings[0] === 'chunked';
    return isChunked ? dechunked(rest) : undefined;
  }
  const [length = '0'] = lengths;
  if (lengths.length > 1 || !/^\d{1,9}$/.test(length)) return undefined;
  return Number(length) === rest.length ? rest : undefined;
}

/** Without chunk extensions and trailers. */
function dechunked(rest: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf(CRLF, at);
    const size = rest.toString('latin1', at, Math.max(at, lineEnd));
    if (lineEnd < 0 || !/^[0-9a-f]{1,6}$/i.test(size)) return undefined;
    const start = lineEnd + CRLF.length;
    const end = start + Number.parseInt(size, 16);
    if (rest.toString('latin1', end, end + CRLF.length) !== CRLF) return undefined;
    if (end === start) return end + CRLF.length === rest.length ? Buffer.concat(parts) : undefined;
    parts.push(rest.subarray(start, end));
    at = end + CRLF.length;
  }
}
