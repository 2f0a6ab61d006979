import { z } from 'zod';
import { parseKernelRelease } from '../advisories/index.ts';
import { hostFault } from './errors.ts';
import { parseKernelConfig } from './kernel-config.ts';
import { CONFIG_MAX_BYTES, CONFIG_OPTIONS_MAX, LIST_MAX, MODULES_MAX } from './limits.ts';

const word = z.string().max(4_096);
const cve = z.string().regex(/^CVE-\d{4}-\d{4,9}$/);
const names = z.array(z.string().max(200)).max(MODULES_MAX);

const program = z.object({
  name: word,
  version: word,
  /** The distribution's package that brought it; null: none, and the bare version is all there is. */
  package: z.object({ name: word, version: word }).nullable().default(null),
  /** CVEs that the package's changelog names, with the version of the entry. */
  fixes: z.record(cve, word).default({}),
});

const loadedModule = z.object({
  name: z.string().max(200),
  sizeBytes: z.number().int().min(0).default(0),
  references: z.number().int().default(0),
  usedBy: names.default([]),
});

const livePatch = z.object({
  name: word,
  /** By what it was put in: the kernel's interface, or a vendor's tool that keeps a list of its own. */
  by: z.enum(['livepatch', 'kpatch', 'kernelcare', 'canonical-livepatch']).default('livepatch'),
  enabled: z.boolean(),
  transition: z.boolean().default(false),
  /** What it fixes, as its signed metadata or its vendor's list says. */
  cves: z.array(cve).max(LIST_MAX).default([]),
});

const mitigation = z.object({
  id: word,
  cves: z.array(cve).max(LIST_MAX),
  /** What stands in the way, as it is set: 'sysctl kernel.unprivileged_bpf_disabled=1'. */
  control: word,
  /** RFC 3339; null: not known since when. */
  since: word.nullable().default(null),
});

/**
 * What is to be known of a machine to judge its kernel, from which everything else is a pure function. Only the kernel's
 * release is needed; what is absent is unknown, and never taken for harmless.
 */
/** Facts that were written by hand do not say when. */
export const GATHERED_NEVER = '1970-01-01T00:00:00.000Z';

export const machineFacts = z.object({
  version: z.literal(1).default(1),
  gatheredAt: word.default(GATHERED_NEVER),
  host: z.string().max(253).nullable().default(null),
  /** Of this start of the machine; null: not known. */
  bootId: z.string().max(64).nullable().default(null),
  kernel: z.object({
    /** `uname -r` */
    release: word,
    /** `uname -v` */
    version: word.nullable().default(null),
    /** `uname -m` */
    machine: word.default('x86_64'),
    /** Releases on disk that could be started. */
    installed: z.array(word).max(1_000).default([]),
    /** The GNU build id of the running image, hexadecimal. */
    buildId: z
      .string()
      .regex(/^[0-9a-f]{16,64}$/)
      .nullable()
      .default(null),
    /** The release of kernel.org that it was made from, where the distribution says it. */
    upstream: word.nullable().default(null),
    /** The distribution's package of the running image. */
    package: z.object({ source: word, version: word }).nullable().default(null),
    flavour: word.nullable().default(null),
  }),
  distribution: z
    .object({ id: word, version: word.default(''), idLike: z.array(word).default([]) })
    .nullable()
    .default(null),
  config: z
    .object({
      source: word.default('given'),
      options: z.record(z.string().max(200), z.string().max(4_096)),
      /** All options are there: one that is not named is not set. */
      isWhole: z.boolean().default(true),
    })
    .nullable()
    .default(null),
  commandLine: z.string().max(65_536).nullable().default(null),
  sysctls: z.record(word, word).default({}),
  cpu: z
    .object({
      vendor: word.nullable().default(null),
      model: word.nullable().default(null),
      microcode: word.nullable().default(null),
      vulnerabilities: z.record(word, word).default({}),
    })
    .default({ vendor: null, model: null, microcode: null, vulnerabilities: {} }),
  lockdown: word.nullable().default(null),
  lsm: z.array(word).default([]),
  modules: z
    .object({
      /** Null: not known. */
      loaded: z.array(loadedModule).max(MODULES_MAX).nullable().default(null),
      /** Names of modules on disk for this kernel; null: not known. */
      available: names.nullable().default(null),
      /** Names that `install … /bin/false` keeps out, with the file that says so. */
      blocked: z
        .array(z.object({ name: word, by: word }))
        .max(MODULES_MAX)
        .default([]),
    })
    .default({ loaded: null, available: null, blocked: [] }),
  livePatches: z.array(livePatch).max(1_000).default([]),
  uptimeSeconds: z.number().min(0).nullable().default(null),
  reboot: z
    .object({ isRequired: z.boolean(), because: z.array(word).max(1_000).default([]) })
    .default({ isRequired: false, because: [] }),
  programs: z.array(program).max(100).default([]),
  /** CVEs that the changelog of the running kernel's package names up to its version, with the version of the entry. */
  fixes: z.record(cve, word).default({}),
  mitigations: z.array(mitigation).max(1_000).default([]),
  /** Entries of the platform's shield that were set on this machine. */
  shields: z
    .array(z.object({ id: word, since: word, state: word }))
    .max(1_000)
    .default([]),
});

export type MachineFacts = z.infer<typeof machineFacts>;
export type LoadedModule = z.infer<typeof loadedModule>;
export type LivePatchFact = z.infer<typeof livePatch>;

/**
 * Facts from a file: what `darsena kernel facts --json` writes, or less. `configText` may hold a build configuration as
 * its text instead of `config`.
 *
 * @throws Fault host.facts-unreadable
 */
export function readMachineFacts(value: unknown, name: string): MachineFacts {
  const { configText, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as {
    configText?: unknown;
    [key: string]: unknown;
  };
  const text = typeof configText === 'string' ? configText.slice(0, CONFIG_MAX_BYTES) : null;
  const read = machineFacts.safeParse(text === null ? rest : { ...rest, config: parseKernelConfig(text, 'given') });
  if (!read.success) {
    const [issue] = read.error.issues;
    const why = `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'not as expected'}`;
    throw hostFault('host.facts-unreadable', { name, why });
  }
  const facts = read.data;
  if (Object.keys(facts.config?.options ?? {}).length > CONFIG_OPTIONS_MAX) {
    throw hostFault('host.facts-unreadable', { name, why: `more than ${CONFIG_OPTIONS_MAX} options` });
  }
  if (parseKernelRelease(facts.kernel.release) === null) {
    throw hostFault('host.facts-unreadable', { name, why: `"${facts.kernel.release}" is no release of a kernel` });
  }
  return facts;
}
