import { FormatError } from '../../formats/index.ts';
import type { Analyser } from '../analyser.ts';
import { OS_RELEASE_MAX_BYTES } from '../limits.ts';
import { collectText } from './text.ts';

/** Which distribution the image is, by os-release(5). */
export const osRelease: Analyser = {
  name: 'os-release',
  version: 2,
  fileNames: ['os-release'],
  folderNames: [],
  places: ['etc/os-release', 'usr/lib/os-release'],
  unreadable: 'incomplete',
  maxFileBytes: OS_RELEASE_MAX_BYTES,
  wants: ({ path }) => path === 'etc/os-release' || path === 'usr/lib/os-release',
  read: () =>
    collectText((text) => {
      const fields = readFields(text);
      const id = fields.get('ID');
      if (!id) return { kind: 'packages', packages: [] };
      if (!/^[a-z0-9._-]{1,64}$/.test(id)) throw new FormatError('paragraph.syntax', `ID is ${JSON.stringify(id)}`);
      const version = fields.get('VERSION_ID') ?? fields.get('VERSION_CODENAME') ?? '';
      const name = (fields.get('PRETTY_NAME') ?? id).slice(0, 200);
      const idLike = (fields.get('ID_LIKE') ?? '').split(/\s+/).filter((one) => /^[a-z0-9._-]{1,64}$/.test(one));
      return {
        kind: 'distribution',
        distribution: {
          id,
          version: version.slice(0, 64),
          name,
          ...(idLike.length > 0 ? { idLike: idLike.slice(0, 8) } : {}),
        },
      };
    }),
};

/** Assignments as a POSIX shell reads them, without expansion. */
function readFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim()) ?? [];
    if (name === undefined || value === undefined) continue;
    const quote = value[0];
    const isQuoted = (quote === '"' || quote === "'") && value.length > 1 && value.endsWith(quote);
    const inner = isQuoted ? value.slice(1, -1) : value;
    fields.set(name, quote === "'" ? inner : inner.replace(/\\(["$`\\])/g, '$1'));
  }
  return fields;
}
