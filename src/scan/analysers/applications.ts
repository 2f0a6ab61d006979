import type { Analyser, Evidence } from '../analyser.ts';
import { GEMSPEC_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { collectText } from './text.ts';

interface KnownFile {
  /** The name in `pkg:generic/…`. */
  readonly name: string;
  readonly cpe: string;
  readonly path: RegExp;
  /** The first group is the version. */
  readonly pattern: RegExp;
}

/** Programs that write their version into a file of a fixed name. */
const KNOWN_FILES: readonly KnownFile[] = [
  {
    name: 'openjdk',
    cpe: 'oracle:openjdk',
    path: /(?:^|\/)release$/,
    pattern:
      /^(?=[\s\S]{0,4000}^(?:IMPLEMENTOR|MODULES|JAVA_RUNTIME_VERSION)=)[\s\S]{0,4000}?^JAVA_VERSION="([\d._]{1,40})"/m,
  },
  {
    name: 'erlang',
    cpe: 'erlang:erlang/otp',
    path: /(?:^|\/)releases\/\d+\/OTP_VERSION$/,
    pattern: /^(\d+(?:\.\d+)+)\s*$/,
  },
  {
    name: 'wordpress',
    cpe: 'wordpress:wordpress',
    path: /(?:^|\/)wp-includes\/version\.php$/,
    pattern: /^\$wp_version\s?=\s?'(\d[\w.-]{0,40})'/m,
  },
  {
    name: 'drupal',
    cpe: 'drupal:drupal',
    path: /(?:^|\/)core\/lib\/Drupal\.php$/,
    pattern: /^\s{0,8}const VERSION = '(\d[\w.-]{0,40})'/m,
  },
];

/** Runtimes and web applications without a package that state their version in a file. */
export const applications: Analyser = {
  name: 'applications',
  version: 1,
  fileNames: ['release', 'OTP_VERSION', 'version.php', 'Drupal.php'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: GEMSPEC_MAX_BYTES,
  wants: ({ path }) => KNOWN_FILES.some((known) => known.path.test(path)),
  read: ({ path }) => collectText((text) => readVersion(path, text)),
};

function readVersion(path: string, text: string): Evidence | null {
  const packages = new PackageList('generic');
  for (const { name, cpe, path: place, pattern } of KNOWN_FILES) {
    if (place.test(path)) packages.add(name, pattern.exec(text)?.[1], { cpe });
  }
  return packages.evidence();
}
