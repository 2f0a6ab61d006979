/**
 * What `uname -r` of distributions looks like whose number says only from which release they once set out: what was mended
 * since is in their package's changelog and advisories alone. The Red Hat family and openEuler, Ubuntu and older Debian
 * (6.1.0-13-amd64, 2.6.32-5-amd64), Raspberry Pi OS (6.1.0-rpi7-rpi-v8), SUSE (4.12.14-122.159-azure, 6.10.5-1-default),
 * and Proxmox (6.8.12-1-pve).
 */
const FOREIGN: readonly RegExp[] = [
  /\.(?:el|oe|ky|uelc?)\d|\.(?:rhel|centos)/,
  // A third number of 0 and a build: that of the interface. Fedora and Alpine mean the release itself.
  /^\d+\.\d+\.0-\d(?!.*(?:\.fc\d|-(?:lts|virt)$))/,
  /^2\.6\.\d+-\d+-[a-z]/,
  /^\d+\.\d+\.\d+-\d+(?:\.\d+)+-[a-z][a-z0-9_]*$/,
  /-default$/,
  /^\d+\.\d+\.0-rpi\d/,
  /-pve$/,
];

export function isForeignRelease(release: string): boolean {
  return FOREIGN.some((pattern) => pattern.test(release));
}
