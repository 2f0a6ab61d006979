import type { GoBuildInfo } from '../../formats/index.ts';
import { PackageList } from './package-list.ts';

/** How people name the variable that `-ldflags -X` sets to the program's version. */
const VERSION_VARIABLE = /(?:^|\.)(?:app|build|git|core|program|release)?_?(?:version|ver|semver|tag)$/i;
const VERSION = /^v?\d{1,6}(?:\.\d{1,9}){1,3}(?:[-+.][0-9A-Za-z.+~-]{1,80})?$/;

/**
 * The modules of a Go program: its own, where its version is known, what it was linked with (a replacement in place of
 * what it replaces), and Go's library under the name that advisories use.
 */
export function readGoModules({ goVersion, modules }: GoBuildInfo): PackageList {
  const packages = new PackageList('golang');
  const [, release] = /^go(\d+\.\d+(?:\.\d+)?(?:rc\d+|beta\d+)?)/.exec(goVersion) ?? [];
  packages.add('stdlib', release);
  const lines = modules.split('\n').map((line) => line.split('\t'));
  for (const [index, [kind, path, version]] of lines.entries()) {
    switch (kind) {
      case 'mod':
        packages.add(path, isRelease(version) ? version : versionOfFlags(lines));
        break;
      case 'dep': {
        const [next, otherPath, otherVersion] = lines[index + 1] ?? [];
        // Replaced by a folder: nobody can say which version that is.
        if (next === '=>') packages.add(otherPath, isRelease(otherVersion) ? otherVersion : null);
        else packages.add(path, isRelease(version) ? version : null);
        break;
      }
    }
  }
  return packages;
}

function isRelease(version: string | undefined): version is string {
  return version !== undefined && version !== '' && version !== '(devel)';
}

/** `build -ldflags="-s -X 'main.version=1.2.3'"`: what a program that was built outside of a module says of itself. */
function versionOfFlags(lines: readonly (readonly string[])[]): string | null {
  const flags = lines.find(([kind, setting]) => kind === 'build' && setting?.startsWith('-ldflags='))?.[1] ?? '';
  for (const [, variable = '', value = ''] of flags.matchAll(/-X[ =]\\?["']?([\w./-]{1,300})=([\w.+~-]{1,100})/g)) {
    if (VERSION_VARIABLE.test(variable) && VERSION.test(value)) return value.startsWith('v') ? value : `v${value}`;
  }
  return null;
}
