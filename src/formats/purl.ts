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
