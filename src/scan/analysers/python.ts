import type { Analyser, Evidence, FileReader } from '../analyser.ts';
import { PACKAGE_JSON_MAX_BYTES, PYTHON_HEADER_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';

/** `name-version.dist-info/METADATA` (wheels), `name.egg-info/PKG-INFO`, a single `name.egg-info`, `EGG-INFO` of eggs. */
const METADATA = /(?:\.dist-info\/METADATA|(?:\.egg-info|\/EGG-INFO)\/PKG-INFO|-packages\/[^/]+\.egg-info)$/;

/** Python packages that pip, setuptools or a distribution installed (core metadata specification). */
export const python: Analyser = {
  name: 'python',
  version: 1,
  fileNames: ['METADATA', 'PKG-INFO'],
  folderNames: [],
  suffixes: ['.egg-info'],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: PACKAGE_JSON_MAX_BYTES,
  wants: ({ path }) => METADATA.test(path) && !path.includes('/site-packages/setuptools/tests/'),
  read: () => readMetadata(),
};

/** The header ends at the first empty line; the project's whole description follows. */
function readMetadata(): FileReader {
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    write: (chunk) => {
      if (length < PYTHON_HEADER_MAX_BYTES) {
        parts.push(Buffer.from(chunk.subarray(0, PYTHON_HEADER_MAX_BYTES - length)));
        length += chunk.length;
      }
      return true;
    },
    end: () => readHeader(new TextDecoder().decode(Buffer.concat(parts))),
  };
}

const CLASSIFIER = /^License :: (?:OSI Approved :: )?(.+)$/;

/** The header of a package's metadata. */
export function readHeader(text: string): Evidence | null {
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const fields = new Map<string, string>();
  const classified: string[] = [];
  for (const line of text.slice(0, end).split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0 || line.startsWith(' ') || line.startsWith('\t')) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'classifier') {
      const [, licence] = CLASSIFIER.exec(value) ?? [];
      if (licence) classified.push(licence);
    } else if (!fields.has(name)) fields.set(name, value);
  }
  const stated = fields.get('license') ?? '';
  const expression = fields.get('license-expression');
  // The field often holds the first line of the whole text; then the classifiers say it better.
  const licences = expression ? [expression] : classified.length > 0 ? classified : isName(stated) ? [stated] : [];
  const packages = new PackageList('pypi');
  packages.add(fields.get('name'), fields.get('version'), { licences });
  return packages.evidence();
}

function isName(licence: string): boolean {
  return licence !== '' && licence.length <= 64 && licence !== 'UNKNOWN';
}
