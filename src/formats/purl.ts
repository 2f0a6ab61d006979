/** A package URL (ECMA-427): `pkg:type/namespace/name@version?qualifiers`. */
export interface PurlParts {
  readonly type: string;
  readonly namespace?: string | null;
  readonly name: string;
  readonly version?: string | null;
  /** Written sorted by key; empty values are left out. */
  readonly qualifiers?: Readonly<Record<string, string | null | undefined>>;
}

export function formatPurl(parts: PurlParts): string {
  const namespace = parts.namespace ? `${parts.namespace.split('/').map(encode).join('/')}/` : '';
  const version = parts.version ? `@${encode(parts.version)}` : '';
  const qualifiers = Object.entries(parts.qualifiers ?? {})
    .filter((pair): pair is [string, string] => Boolean(pair[1]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${encode(value)}`)
    .join('&');
  return `pkg:${parts.type}/${namespace}${encode(parts.name)}${version}${qualifiers === '' ? '' : `?${qualifiers}`}`;
}

/** The specification leaves `:` as it is and encodes what `encodeURIComponent` leaves of sub-delimiters. */
function encode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%3A', ':')
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

const PURL_MAX = 4096;

/**
 * Takes a purl apart; type and keys of qualifiers in small letters, everything decoded.
 * @returns null when it is none
 */
export function parsePurl(
  text: string,
): (PurlParts & { readonly qualifiers: Readonly<Record<string, string>> }) | null {
  if (text.length > PURL_MAX) return null;
  const [, type = '', path = '', query = ''] =
    /^pkg:\/{0,2}([A-Za-z][A-Za-z0-9.+-]*)\/([^?#]+)(?:\?([^#]*))?(?:#.*)?$/.exec(text) ?? [];
  if (type === '') return null;
  try {
    // The version is behind the last @ that is not at the start of a segment: npm scopes may stand unencoded.
    const at = path.lastIndexOf('@');
    const hasVersion = at > 0 && path[at - 1] !== '/';
    const segments = (hasVersion ? path.slice(0, at) : path).split('/').filter((segment) => segment !== '');
    const name = segments.pop();
    if (name === undefined) return null;
    const qualifiers: Record<string, string> = {};
    for (const pair of query.split('&')) {
      const equals = pair.indexOf('=');
      if (equals > 0) qualifiers[pair.slice(0, equals).toLowerCase()] = decodeURIComponent(pair.slice(equals + 1));
    }
    return {
      type: type.toLowerCase(),
      namespace: segments.length === 0 ? null : segments.map(decodeURIComponent).join('/'),
      name: decodeURIComponent(name),
      version: hasVersion ? decodeURIComponent(path.slice(at + 1)) : null,
      qualifiers,
    };
  } catch {
    // A % that is no escape.
    return null;
  }
}
