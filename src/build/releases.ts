import type { AptSource } from './apt-sources.ts';

/** A Debian release that base images are made from. */
export interface Release {
  readonly name: string;
  readonly title: string;
  readonly codename: string;
  /**
   * The day of the release: files newer than it are stamped with it (SOURCE_DATE_EPOCH), so that the same packages give
   * the same image on any day.
   */
  readonly epochSeconds: number;
  /** The last day of security fixes, long-term support included (wiki.debian.org/DebianReleases, as of 2026). */
  readonly supportUntil: string;
}

/** Every release `darsena base create` knows, in the order they are listed. */
export const RELEASES: readonly Release[] = [
  {
    name: 'debian-12',
    title: 'Debian 12',
    codename: 'bookworm',
    epochSeconds: Date.UTC(2023, 5, 10) / 1000,
    supportUntil: '2028-06-30',
  },
  {
    name: 'debian-13',
    title: 'Debian 13',
    codename: 'trixie',
    epochSeconds: Date.UTC(2025, 7, 9) / 1000,
    supportUntil: '2030-06-30',
  },
  {
    name: 'debian-11',
    title: 'Debian 11',
    codename: 'bullseye',
    epochSeconds: Date.UTC(2021, 7, 14) / 1000,
    supportUntil: '2026-08-31',
  },
];

export const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const ARCHIVE = 'http://deb.debian.org/debian';
const SECURITY = 'http://deb.debian.org/debian-security';

/** The lines of sources.list for a release: from the host's own Debian mirrors where it has any, else the public ones. */
export function sourcesOf(release: Release, host: readonly AptSource[]): string[] {
  const { codename } = release;
  const debian = host.filter(({ suites }) => suites.some((suite) => DEBIAN_SUITE.test(suite)));
  const isSecurity = ({ suites }: AptSource): boolean => suites.some((suite) => suite.includes('-security'));
  const archive = debian.find((source) => !isSecurity(source))?.uri ?? ARCHIVE;
  const security = debian.find(isSecurity)?.uri ?? SECURITY;
  return [
    `deb ${archive} ${codename} main`,
    `deb ${archive} ${codename}-updates main`,
    `deb ${security} ${codename}-security main`,
  ];
}

const DEBIAN_SUITE = /^(?:bullseye|bookworm|trixie|forky|stable|testing)(?:-updates|-security|\/updates)?$/;
