import { FormatError, listZip } from '../../formats/index.ts';
import type { Analyser, FileHead, FileReader } from '../analyser.ts';
import { EGG_LIMITS, EGG_MAX_BYTES, PYTHON_HEADER_MAX_BYTES } from '../limits.ts';
import { isBelow } from '../reading/paths.ts';
import { readHeader } from './python.ts';

/** Eggs that stay zipped: setuptools' easy_install put them so. Unpacked ones are read by their EGG-INFO folder. */
export const pythonEgg: Analyser = {
  name: 'python-egg',
  version: 1,
  fileNames: [],
  folderNames: [],
  suffixes: ['.egg'],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: EGG_MAX_BYTES,
  wants: ({ path }) => !isBelow(path, 'node_modules'),
  read: readEgg,
};

/** The directory of an archive stands at its end, so it is kept whole. */
function readEgg({ sizeBytes }: FileHead): FileReader {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let length = 0;
  return {
    write: (chunk) => {
      // A file of that name that is no archive tells nothing.
      if (length === 0 && chunk[0] !== 0x50) return false;
      if (length + chunk.length > bytes.length) throw new FormatError('zip.size', 'it is larger than its entry says');
      bytes.set(chunk, length);
      length += chunk.length;
      return true;
    },
    end: () => {
      for (const entry of listZip(bytes.subarray(0, length), EGG_LIMITS)) {
        if (entry.path !== 'EGG-INFO/PKG-INFO') continue;
        return readHeader(new TextDecoder().decode(entry.read().subarray(0, PYTHON_HEADER_MAX_BYTES)));
      }
      return null;
    },
  };
}
