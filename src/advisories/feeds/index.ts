import { alpineSecdb } from './alpine-secdb.ts';
import { archTracker } from './arch-tracker.ts';
import { cisaKev } from './cisa-kev.ts';
import { csaf } from './csaf.ts';
import { cve5 } from './cve5.ts';
import { debianChangelog } from './debian-changelog.ts';
import { debianLists } from './debian-lists.ts';
import { debianTracker } from './debian-tracker.ts';
import { epss } from './epss.ts';
import type { Feed } from './feed.ts';
import { githubAdvisories } from './github-advisories.ts';
import { nodejsSecurityWg } from './nodejs-security-wg.ts';
import { nvd } from './nvd.ts';
import { osv } from './osv.ts';
import { oval } from './oval.ts';
import { phpSecurityAdvisories } from './php-security-advisories.ts';
import { retirejs } from './retirejs.ts';
import { rubyAdvisoryDb } from './ruby-advisory-db.ts';
import { rustsec } from './rustsec.ts';
import { updateinfo } from './updateinfo.ts';

/** Every feed, in the order in which they are asked whether a document is theirs. A test compares the list with the folder. */
export const FEEDS: readonly Feed[] = [
  osv,
  cve5,
  nvd,
  csaf,
  cisaKev,
  nodejsSecurityWg,
  githubAdvisories,
  alpineSecdb,
  rubyAdvisoryDb,
  phpSecurityAdvisories,
  rustsec,
  debianChangelog,
  debianLists,
  archTracker,
  retirejs,
  oval,
  updateinfo,
  debianTracker,
  epss,
];
