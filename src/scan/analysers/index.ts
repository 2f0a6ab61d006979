import type { Analyser } from '../analyser.ts';
import { LISTING_VERSION } from '../listing.ts';
import { apk } from './apk.ts';
import { dpkg } from './dpkg.ts';
import { npm } from './npm.ts';
import { osRelease } from './os-release.ts';

/** Every analyser, in reading order. A test compares the list with the folder. */
export const ANALYSERS: readonly Analyser[] = [osRelease, dpkg, apk, npm];

/** Changes when any analyser or the listing does; part of the key under which results of a layer are stored. */
export function analysersRevision(analysers: readonly Analyser[] = ANALYSERS): string {
  return [...analysers.map(({ name, version }) => `${name}.${version}`), `listing.${LISTING_VERSION}`].join('+');
}
