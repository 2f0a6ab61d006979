/**
 * What `uname -r` of distributions looks like whose number says only from which release they once set out: what was mended
 * since is in their package's changelog and advisories alone. The Red Hat family and openEuler, Ubuntu and older Debian
 * (6.1.0-13-amd64, 2.6.32-5-amd64), and SUSE (4.12.14-122.159-azure, 6.10.5-1-default).
 */
const FOREIGN: readonly RegExp[] = [
  /\.(?:el|oe|ky|uelc?)\d|\.(?:rhel|centos)/,
  // A third number of 0 and a build: that of the interface. Fedora and Alpine mean the release itself.
  /^\d+\.\d+\.0-\d(?!.*(?:\.fc\d|-(?:lts|virt)$))/,
  /^2\.6\.\d+-\d+-[a-z]/,
  /^\d+\.\d+\.\d+-\d+(?:\.\d+)+-[a-z][a-z0-9_]*$/,
  /-default$/,
];

export function isForeignRelease(release: string): boolean {
  return FOREIGN.some((pattern) => pattern.test(release));
}
