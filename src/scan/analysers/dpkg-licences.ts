import type { Analyser, FileHead, FileReader } from '../analyser.ts';
import { COPYRIGHT_MAX_BYTES, LICENCES_MAX, PACKAGE_TEXT_MAX } from '../limits.ts';

/**
 * Licences of Debian packages, where their copyright file is in the machine-readable format 1.0 (copyright-format,
 * Debian Policy 12.5): the short names of its `License` fields, as SPDX writes them where it has them. Older files are
 * prose; of those nothing is said.
 */
export const dpkgLicences: Analyser = {
  name: 'dpkg-licences',
  version: 1,
  fileNames: ['copyright'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: COPYRIGHT_MAX_BYTES,
  wants: ({ path }) => path.includes('share/doc/'),
  read: readCopyright,
};

const START = /^\s*Format(?:-Specification)?:/i;
const START_BYTES = 32;
const LICENCE = /^License:(.*)$/gim;

function readCopyright({ sizeBytes }: FileHead): FileReader {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let length = 0;
  const isReadable = (): boolean => START.test(bytes.toString('latin1', 0, Math.min(length, 2 * START_BYTES)));
  return {
    write: (chunk) => {
      const isShort = length < START_BYTES;
      bytes.set(chunk, length);
      length += chunk.length;
      // Pieces end anywhere, so the start may come in two.
      return !isShort || length < START_BYTES || isReadable();
    },
    end: () => {
      if (length < START_BYTES && !isReadable()) return null;
      const names = new Set<string>();
      // The first line of the field is the name; the text of the licence follows it.
      for (const [, name = ''] of bytes.toString('latin1').matchAll(LICENCE)) {
        const short = Buffer.from(name, 'latin1').toString('utf8').trim();
        if (short !== '' && short.length <= PACKAGE_TEXT_MAX && names.size < LICENCES_MAX) names.add(toSpdx(short));
      }
      return names.size > 0 ? { kind: 'licences', licences: [...names] } : null;
    },
  };
}

/** copyright-format 7.1 "Short name" against the SPDX list: same licences, other letters. */
const SPDX: Readonly<Record<string, string>> = {
  'apache-1.0': 'Apache-1.0',
  'apache-1.1': 'Apache-1.1',
  'apache-2': 'Apache-2.0',
  'apache-2.0': 'Apache-2.0',
  artistic: 'Artistic-1.0',
  'artistic-2.0': 'Artistic-2.0',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  'bsd-4-clause': 'BSD-4-Clause',
  'bsl-1.0': 'BSL-1.0',
  'cc0-1.0': 'CC0-1.0',
  cc0: 'CC0-1.0',
  'cddl-1.0': 'CDDL-1.0',
  expat: 'MIT',
  mit: 'MIT',
  isc: 'ISC',
  'lppl-1.3c': 'LPPL-1.3c',
  'mpl-1.1': 'MPL-1.1',
  'mpl-2.0': 'MPL-2.0',
  openssl: 'OpenSSL',
  perl: 'Artistic-1.0-Perl OR GPL-1.0-or-later',
  'psf-2': 'PSF-2.0',
  'python-2.0': 'Python-2.0',
  'w3c-bsd': 'BSD-3-Clause',
  x11: 'X11',
  zlib: 'Zlib',
  zope: 'ZPL-2.1',
};

const GNU = /^(gpl|lgpl|agpl|gfdl|fdl)-?(\d+(?:\.\d+)?)(\+?)$/;

/** `GPL-2+ or MIT` becomes `GPL-2.0-or-later OR MIT`; names that SPDX does not have stay as they are. */
function toSpdx(name: string): string {
  let known = spdxOf.get(name);
  if (known === undefined) {
    known = writeAsSpdx(name);
    if (spdxOf.size < KNOWN_MAX) spdxOf.set(name, known);
  }
  return known;
}

/** The same few names stand in nearly all copyright files. */
const KNOWN_MAX = 2_000;
const spdxOf = new Map<string, string>();

function writeAsSpdx(name: string): string {
  const parts = name.split(/(\s+(?:or|and|with)\s+|,\s+(?:or|and)\s+|[()])/i);
  return parts
    .map((part) => {
      const operator = /^\W*(or|and|with)\s+$/i.exec(part)?.[1];
      return operator ? ` ${operator.toUpperCase()} ` : toSpdxId(part.trim());
    })
    .join('');
}

function toSpdxId(name: string): string {
  const lower = name.toLowerCase();
  const [, family, version, orLater] = GNU.exec(lower) ?? [];
  if (family && version) {
    const id = family === 'fdl' ? 'GFDL' : family.toUpperCase();
    const full = version.includes('.') ? version : `${version}.${id === 'GFDL' && version === '1' ? '1' : '0'}`;
    return `${id}-${full}-${orLater ? 'or-later' : 'only'}`;
  }
  return SPDX[lower] ?? name;
}
