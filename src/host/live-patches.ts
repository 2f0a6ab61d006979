import type { LivePatchFact } from './facts.ts';
import { LIST_MAX } from './limits.ts';

/** What is read of a machine's files, so that this does not depend on how. */
interface Files {
  list(path: string): string[];
  line(path: string): string | null;
  text(path: string): string | null;
}

/** Where the platform keeps, root-owned, what each live patch that it loaded fixes: one JSON file a patch. */
export const PATCH_RECORDS = 'var/lib/darsena-patches';

/**
 * Live patches in force: the kernel's own interface (with what the platform's records say they fix), and the lists that
 * KernelCare and Canonical Livepatch keep for scanners.
 */
export function readLivePatches(root: Files): LivePatchFact[] {
  const patches: LivePatchFact[] = root.list('sys/kernel/livepatch').map((name) => ({
    name,
    by: /^kpatch[-_]/.test(name)
      ? 'kpatch'
      : /^lkp_Ubuntu|^livepatch_Ubuntu/i.test(name)
        ? 'canonical-livepatch'
        : 'livepatch',
    enabled: root.line(`sys/kernel/livepatch/${name}/enabled`) === '1',
    transition: root.line(`sys/kernel/livepatch/${name}/transition`) === '1',
    cves: cvesOf(root.text(`${PATCH_RECORDS}/${name}.json`)),
  }));
  const kernelcare = root.text('proc/kcare/cvelist');
  if (kernelcare !== null) {
    patches.push({
      name: root.line('proc/kcare/effective_version') ?? 'kernelcare',
      by: 'kernelcare',
      enabled: true,
      transition: false,
      cves: cvesOf(kernelcare),
    });
  }
  return patches;
}

function cvesOf(text: string | null): string[] {
  return [...new Set((text ?? '').match(/\bCVE-\d{4}-\d{4,9}\b/g) ?? [])].slice(0, LIST_MAX);
}
