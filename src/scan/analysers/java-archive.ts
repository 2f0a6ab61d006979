import { FormatError } from '../../formats/index.ts';
import type { Analyser, FileHead, FileReader } from '../analyser.ts';
import { JAVA_ARCHIVE_MAX_BYTES } from '../limits.ts';
import { readJavaArchive } from '../reading/java-archive.ts';

/** Java and Kotlin archives with what is in them, shaded or nested. */
export const javaArchive: Analyser = {
  name: 'java-archive',
  version: 2,
  fileNames: [],
  folderNames: [],
  suffixes: ['.jar', '.war', '.ear', '.par', '.aar', '.sar', '.hpi', '.jpi', '.nar', '.kar'],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: JAVA_ARCHIVE_MAX_BYTES,
  wants: ({ path, sizeBytes }) => sizeBytes > 22 && !/-(?:sources|javadoc)\.jar$/.test(path),
  read: readArchive,
};

/** The directory of an archive stands at its end, so it is kept whole; its size is known before. */
function readArchive({ path, sizeBytes }: FileHead): FileReader {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let length = 0;
  return {
    write: (chunk) => {
      if (length === 0 && chunk[0] !== 0x50 && !path.endsWith('.jar') && !path.endsWith('.war')) return false;
      if (length + chunk.length > bytes.length) throw new FormatError('zip.size', 'it is larger than its entry says');
      bytes.set(chunk, length);
      length += chunk.length;
      return true;
    },
    end: () => {
      const { packages, unread, unnamed } = readJavaArchive(path, bytes.subarray(0, length));
      const evidence = packages.evidence(unread);
      if (unnamed.length === 0) return evidence;
      return { kind: 'packages', packages: [], ...evidence, unnamed };
    },
  };
}
