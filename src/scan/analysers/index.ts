import type { Analyser } from '../analyser.ts';
import { alpm } from './alpm.ts';
import { apk } from './apk.ts';
import { apple } from './apple.ts';
import { applications } from './applications.ts';
import { bitnami } from './bitnami.ts';
import { browserScripts } from './browser-scripts.ts';
import { bun } from './bun.ts';
import { cargo } from './cargo.ts';
import { composer } from './composer.ts';
import { conan } from './conan.ts';
import { conda } from './conda.ts';
import { dotnet } from './dotnet.ts';
import { dpkg } from './dpkg.ts';
import { dpkgFiles } from './dpkg-files.ts';
import { dpkgLicences } from './dpkg-licences.ts';
import { executable } from './executable.ts';
import { goMod } from './go-mod.ts';
import { hex } from './hex.ts';
import { javaArchive } from './java-archive.ts';
import { javaLocks } from './java-locks.ts';
import { julia } from './julia.ts';
import { npm } from './npm.ts';
import { opkg } from './opkg.ts';
import { osRelease } from './os-release.ts';
import { pnpm } from './pnpm.ts';
import { pub } from './pub.ts';
import { python } from './python.ts';
import { pythonEgg } from './python-egg.ts';
import { pythonLocks } from './python-locks.ts';
import { r } from './r.ts';
import { rpm } from './rpm.ts';
import { rpmLog } from './rpm-log.ts';
import { rpmManifest } from './rpm-manifest.ts';
import { ruby } from './ruby.ts';
import { yarn } from './yarn.ts';

/** Every analyser, in reading order. A test compares the list with the folder. */
export const ANALYSERS: readonly Analyser[] = [
  osRelease,
  dpkg,
  dpkgFiles,
  dpkgLicences,
  apk,
  rpm,
  rpmLog,
  rpmManifest,
  alpm,
  opkg,
  npm,
  yarn,
  pnpm,
  bun,
  python,
  pythonEgg,
  pythonLocks,
  cargo,
  ruby,
  composer,
  dotnet,
  conan,
  apple,
  pub,
  hex,
  conda,
  julia,
  r,
  javaArchive,
  javaLocks,
  goMod,
  executable,
  applications,
  bitnami,
  browserScripts,
];
