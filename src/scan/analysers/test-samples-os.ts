import type { AnalyserSample } from './test-samples.ts';

const text = (path: string, content: string): AnalyserSample => ({ path, bytes: Buffer.from(content) });

/** Small true files of every analyser of operating systems. */
export const OS_SAMPLES: Readonly<Record<string, readonly AnalyserSample[]>> = {
  'os-release': [text('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n')],
  dpkg: [
    text(
      'var/lib/dpkg/status',
      'Package: a\nStatus: install ok installed\nVersion: 1:2.0-1+b1\nArchitecture: amd64\nSource: o (1:2.0-1)\nDescription: x\n y\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 4\n',
    ),
    text('var/lib/dpkg/status.d/base', 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n'),
  ],
  apk: [
    text(
      'lib/apk/db/installed',
      'C:Q1qKcZ\nP:busybox\nV:1.37.0-r12\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:bin\nR:busybox\na:0:0:755\nZ:Q1x\n\nP:ssl_client\nV:1.37.0-r12\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:usr/bin\nR:ssl_client\n',
    ),
  ],
};
