import type { Analyser } from '../analyser.ts';
import type { SecretScanner } from './scanner.ts';

/** Raised when the same rules find more or other things. */
export const SECRETS_VERSION = 3;

/** Ends of names of files that hold no text. A name that is not here is opened, and its first bytes decide. */
const NO_TEXT = new Set(
  `a ai avi bin bmp br bz2 class deb dll dylib eot exe flac gif gz ico icns jar jpeg jpg ko lz4 lzma mkv mo mov mp3 mp4 o
   odt ogg otf pack pdf pdb png pyc pyd pyo rpm so svgz swf tgz tif tiff ttc ttf wasm wav webm webp whl woff woff2 xz zip
   zst`.split(/\s+/),
);

/** Whoever packs files for the scan learns from it which ones are looked at. */
export const TEXT_FILES: Analyser = {
  name: 'secrets',
  version: SECRETS_VERSION,
  fileNames: [],
  folderNames: [],
  every: 'file',
  places: [],
  unreadable: 'notice',
  // Read in pieces, so no size is too large.
  maxFileBytes: Number.POSITIVE_INFINITY,
  wants: ({ path, sizeBytes }) => sizeBytes > 0 && !NO_TEXT.has(path.slice(path.lastIndexOf('.') + 1).toLowerCase()),
  read: () => ({ write: () => false, end: () => null }),
};

/** Looks for credentials in every file that may be text. */
export function secretsAnalyser(scanner: SecretScanner): Analyser {
  return {
    ...TEXT_FILES,
    read: ({ path, sizeBytes }) => {
      const reader = scanner.open(path, sizeBytes);
      return {
        write: (chunk) => reader.write(chunk),
        end: () => {
          const secrets = reader.end();
          return secrets.length === 0 ? null : { kind: 'secrets', secrets };
        },
      };
    },
  };
}
