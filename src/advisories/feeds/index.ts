import { cisaKev } from './cisa-kev.ts';
import { debianTracker } from './debian-tracker.ts';
import { epss } from './epss.ts';
import type { Feed } from './feed.ts';
import { nodejsSecurityWg } from './nodejs-security-wg.ts';
import { osv } from './osv.ts';

/** Every feed, in the order in which they are asked whether a document is theirs. A test compares the list with the folder. */
export const FEEDS: readonly Feed[] = [osv, cisaKev, nodejsSecurityWg, debianTracker, epss];
