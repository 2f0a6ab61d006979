/** What the commands need that judge a file here, without a server; the others start without it. */
export { asAsked, readDocuments, startsPods } from './document.ts';
export { judgeDocument } from './manifest.ts';
export { readPolicy } from './policy.ts';
export { PRESETS_FOLDER, readPolicies, selectPolicy } from './presets.ts';
