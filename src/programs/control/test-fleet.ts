import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Deployments } from '../../deploy/index.ts';
import { type RegistryTables, registryMigrations } from '../../registry/index.ts';
import {
  type FleetQuestion,
  indexFindings,
  type ScanReport,
  type ScanTables,
  scanMigrations,
} from '../../scan/index.ts';

export const FLEET_MIGRATIONS = [...registryMigrations, ...scanMigrations];

type Tables = ScanTables & RegistryTables;

function digestOf(number: number): string {
  return `sha256:${createHash('sha256').update(`image ${number}`).digest('hex')}`;
}

/**
 * A registry of `images` in two projects with synthetic reports: image n has the odd or the even half of `findings`.
 * The last image is scanned and no longer in the registry.
 */
export async function fillFleet(
  untyped: Kysely<never>,
  { images, findings, only }: { images: number; findings: number; only?: readonly string[] },
): Promise<string[]> {
  const db = untyped as unknown as Kysely<Tables>;
  const digests = Array.from({ length: images }, (_, number) => digestOf(number));
  const at = '2026-01-01T00:00:00.000Z';
  for (let start = 0; start < images; start += 200) {
    await db.transaction().execute(async (tx) => {
      for (const [offset, digest] of digests.slice(start, start + 200).entries()) {
        const number = start + offset;
        if (only && !only.includes(digest)) continue;
        await indexFindings(tx as unknown as Kysely<ScanTables>, reportOf(digest, number, findings));
        if (only || number === images - 1) continue;
        const repository = `p${number % 2}`;
        await tx
          .insertInto('registry_repositories')
          .values({ id: repository, name: `${repository}/app`, project: repository, created_at: at })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await tx
          .insertInto('registry_manifests')
          .values({
            repository_id: repository,
            digest,
            kind: 'image',
            media_type: 'application/vnd.oci.image.manifest.v1+json',
            artifact_type: null,
            subject_digest: null,
            annotations: '{}',
            content_bytes: 1,
            layers: 1,
            pushed_at: at,
            pushed_by: 'user:ana',
            pushed_by_id: '1',
            bytes: Buffer.from('{}'),
          })
          .execute();
        await tx
          .insertInto('registry_tags')
          .values({ repository_id: repository, name: `v${number}`, digest, updated_at: at, updated_by: 'user:ana' })
          .execute();
      }
    });
  }
  return digests;
}

function reportOf(digest: string, number: number, findings: number): ScanReport {
  const list = [];
  for (let finding = number % 2; finding < findings; finding += 2) {
    const serial = String(finding).padStart(4, '0');
    list.push({
      id: `CVE-2026-${serial}`,
      aliases: [`GHSA-${serial}`],
      package: {
        purl: `pkg:deb/debian/libx${finding}@1.0`,
        name: `libx${finding}`,
        version: '1.0',
        path: 'var/lib/dpkg/status',
      },
      fixedVersion: '1.1',
      risk: 'high',
    });
  }
  // As much of a report as the index reads.
  return { digest, findings: list } as unknown as ScanReport;
}

export function askedOf(finding: string, question: Partial<FleetQuestion>): FleetQuestion {
  return { finding, projects: '*', running: false, after: null, limit: 100, ...question };
}

/** What hosts would report: one workload with containers of an image. */
export function runningOf(
  images: readonly { digest: string; project: string; replicas: number }[],
): Pick<Deployments, 'statuses'> {
  const statuses = images.map(({ digest, project, replicas }) => ({
    key: { project, environment: 'production', name: 'web' },
    replicas: Array.from({ length: replicas }, () => ({ containers: [{ digest, state: 'running' }] })),
  }));
  return { statuses: () => statuses as unknown as ReturnType<Deployments['statuses']> };
}
