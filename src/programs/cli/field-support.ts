import { basename, dirname } from 'node:path';
import { convertFolder } from '../../deploy/compose/index.ts';
import { reportManifest } from '../../deploy/kubernetes/index.ts';
import type { AskSupport } from '../../scan/index.ts';

/** What `darsena check` says of fields: the answer of the very code that would deploy them. */
export const fieldSupport: AskSupport = (kind, path, text) => {
  if (kind === 'kubernetes') return reportManifest({ path, text });
  if (kind !== 'compose') return null;
  const place = { folder: dirname(path), files: [basename(path)] };
  return convertFolder(place, { variables: process.env, profiles: ['*'] }).report;
};
