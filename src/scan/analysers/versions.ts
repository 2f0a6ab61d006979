import { LISTING_VERSION } from '../listing.ts';

/**
 * Versions of the analysers, in their order, for whoever has to know what a stored result was made by and reads nothing
 * itself: all analysers together are a large part of the program. A test holds them to the analysers.
 */
export const ANALYSER_VERSIONS: Readonly<Record<string, number>> = {
  'os-release': 2,
  dpkg: 2,
  'dpkg-files': 1,
  'dpkg-licences': 1,
  apk: 1,
  rpm: 1,
  'rpm-log': 1,
  'rpm-manifest': 1,
  alpm: 1,
  opkg: 1,
  npm: 2,
  yarn: 1,
  pnpm: 1,
  bun: 2,
  python: 1,
  'python-egg': 1,
  'python-locks': 1,
  cargo: 1,
  ruby: 1,
  composer: 2,
  dotnet: 2,
  conan: 2,
  apple: 2,
  pub: 1,
  hex: 2,
  conda: 1,
  julia: 1,
  r: 1,
  'java-archive': 2,
  'java-locks': 2,
  'go-mod': 1,
  executable: 2,
  applications: 1,
  bitnami: 1,
  'browser-scripts': 1,
};

/** Changes when any analyser or the listing does; part of the key under which results of a layer are stored. */
export function analysersRevision(): string {
  const versions = Object.entries(ANALYSER_VERSIONS).map(([name, version]) => `${name}.${version}`);
  return [...versions, `listing.${LISTING_VERSION}`].join('+');
}
