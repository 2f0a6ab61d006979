import { randomBytes } from 'node:crypto';
import type { Admit } from '../../admit/index.ts';
import { collectImages } from '../../deploy/model.ts';
import { parseReference } from '../../oci/index.ts';
import { type PackedSignatures, packSignatures } from '../../trust/index.ts';
import { decisiveSignatures, type PermissionParts } from './permissions.ts';
import type { Pipeline } from './pipeline.ts';
import type { DebugRequest, JudgedDebug } from './sessions.ts';

/** Tools must not starve the pod that they look into. */
const CPU_MILLIS = 500;
const MEMORY_BYTES = 256 * 1024 * 1024;

/**
 * Judges a container that somebody wants to add to a running pod as the start of any other, and gives what its host asks
 * for before it starts it: the specification, its signed verdict, and the signatures of its image.
 * @throws Fault deploy.refused, deploy.run-guarded, deploy.image-unknown and more
 */
export async function judgeDebug(
  parts: Pick<PermissionParts, 'trust' | 'signatures'> & { readonly pipeline: Pipeline; readonly admit: Admit },
  request: DebugRequest,
): Promise<JudgedDebug> {
  const { project, environment, image, command, env, tty, interactive, by } = request;
  const judged = await parts.pipeline.judgeRun({
    project,
    environment,
    by,
    order: {
      ...{ name: `debugger-${randomBytes(4).toString('hex')}`, image, command },
      env: Object.entries(env).map(([name, value]) => ({ name, value })),
      ...{
        entrypoint: null,
        workingDir: null,
        user: null,
        cpuMillis: CPU_MILLIS,
        memoryBytes: MEMORY_BYTES,
        readOnly: false,
      },
      ...{ capAdd: [], capDrop: [], newPrivileges: false, volumes: [], tmpfs: [], hostname: null, labels: {} },
      ...{ ulimits: {}, hosts: [], stopSeconds: null, interactive, terminal: tty, joined: true, remove: true },
    },
  });
  const [workload] = judged.composition.workloads;
  const signatures: Record<string, PackedSignatures> = {};
  for (const one of collectImages(judged.composition.workloads)) {
    const { repository, digest } = parseReference(one);
    if (digest !== null)
      signatures[`${repository}@${digest}`] = packSignatures(await decisiveSignatures(parts, repository, digest));
  }
  return {
    task: {
      workload: { ...workload, generation: 0, previous: null },
      verdicts: judged.verdicts.map((verdict) => parts.admit.sign(verdict)),
      signatures,
    },
    image,
    digest: judged.digest,
    command,
  };
}
