import { ParagraphReader } from '../../formats/index.ts';
import type { Analyser, FileReader } from '../analyser.ts';
import { GEMSPEC_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';

/** Installed R packages: `DESCRIPTION` of a folder in a library; only those that were built are installed. */
export const r: Analyser = {
  name: 'r',
  version: 1,
  fileNames: ['DESCRIPTION'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: GEMSPEC_MAX_BYTES,
  wants: ({ path }) => /(?:^|\/)(?:library|site-library)\/[^/]+\/DESCRIPTION$/.test(path),
  read: readDescription,
};

function readDescription(): FileReader {
  const packages = new PackageList('cran');
  const reader = new ParagraphReader(['package', 'version', 'license', 'built', 'priority'], (paragraph) => {
    // Base packages have the version of R and come with it.
    if (!paragraph.get('built') || paragraph.get('priority') === 'base') return;
    packages.add(paragraph.get('package'), paragraph.get('version'), { licences: paragraph.get('license') });
  });
  return {
    write: (chunk) => {
      reader.write(chunk);
      return true;
    },
    end: () => {
      reader.end();
      return packages.evidence();
    },
  };
}
