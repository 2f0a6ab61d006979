import { reportManifest } from '../../deploy/kubernetes/index.ts';
import type { AskSupport } from '../../scan/index.ts';

/** What `darsena check` says of fields: the answer of the very code that would deploy them. */
export const fieldSupport: AskSupport = (kind, path, text) =>
  kind === 'kubernetes' ? reportManifest({ path, text }) : null;
