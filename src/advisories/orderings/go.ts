import type { Ordering } from './ordering.ts';
import { semver } from './semver.ts';

/**
 * Go's module versions (go.dev/ref/mod#versions) are semantic versions with a `v`; those of the toolchain are written
 * "go1.21rc2" and stand in the vulnerability database as 1.21.0-rc.2.
 */
export const go: Ordering = {
  name: 'go',
  ecosystems: ['Go', 'Kubernetes'],
  compare: (a, b) => semver.compare(normalise(a), normalise(b)),
};

function normalise(text: string): string {
  // "go1.22.3 X:boringcrypto" and "go1.21.0-custom" are that release with something added.
  const [version = ''] = text.trim().split(' ');
  const [, major, minor, patch = '0', stage, number] =
    /^(?:go)?(\d+)\.(\d+)(?:\.(\d+))?(rc|beta)(\d+)$/.exec(version) ?? [];
  if (stage !== undefined) return `${major}.${minor}.${patch}-${stage}.${number}`;
  return version.startsWith('go') ? version.slice(2).replace(/-.*$/, '') : version;
}
