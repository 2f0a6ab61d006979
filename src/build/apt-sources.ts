/** Reads where a host gets its Debian packages from: one-line and deb822 formats of sources.list(5). Pure. */

export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string | null;
}

export function parseAptSources(files: readonly { readonly name: string; readonly text: string }[]): AptSource[] {
  return files.flatMap(({ name, text }) => (name.endsWith('.sources') ? parseStanzas(text) : parseLines(text)));
}

function parseLines(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.replace(/#.*/, '').trim());
    if (match === null) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1] ?? null;
    return [{ uri: trimSlash(uri), suites: [suite], components: components.split(/\s+/), signedBy }];
  });
}

function parseStanzas(text: string): AptSource[] {
  const plain = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  return plain.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string[] => {
      const match = new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza);
      return (match?.[1] ?? '').split(/\s+/).filter((word) => word !== '');
    };
    if (!field('Types').includes('deb') || field('Enabled')[0]?.toLowerCase() === 'no') return [];
    const key = field('Signed-By');
    // A key written into the stanza itself is not a file that another program could be given.
    const signedBy = key.length === 1 && key[0]?.startsWith('/') ? key[0] : null;
    return field('URIs').map((uri) => ({
      uri: trimSlash(uri),
      suites: field('Suites'),
      components: field('Components'),
      signedBy,
    }));
  });
}

function trimSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}
