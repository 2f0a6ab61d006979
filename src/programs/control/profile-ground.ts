import { type Deployments, deployFault, type Runs, workloadFacts } from '../../deploy/index.ts';
import { type DeployedContainer, hostFault, type ProfileGround, readStatedProfiles } from '../../host/index.ts';
import { type Digest, parseReference } from '../../oci/index.ts';
import { Fault, type Json } from '../../system/index.ts';
import type { Trust } from '../../trust/index.ts';
import type { Hosts } from './hosts.ts';
import type { Intake } from './intake.ts';
import type { Pipeline } from './pipeline.ts';

type ActiveRelease = Awaited<ReturnType<Deployments['activeReleases']>>[number];
type Workload = ActiveRelease['composition']['workloads'][number];

/** Workloads, copies of them and statements beside images, as profiles ask for them. */
export function profileGround(parts: {
  readonly deployments: Deployments;
  readonly runs: Pick<Runs, 'remove'>;
  readonly pipeline: Pick<Pipeline, 'copy'>;
  readonly hosts: Pick<Hosts, 'run'>;
  readonly intake: Pick<Intake, 'config'>;
  readonly trust: Pick<Trust, 'restate'>;
}): ProfileGround {
  const { deployments, runs, pipeline, hosts, intake, trust } = parts;
  const containersOf = async (workload: Workload): Promise<DeployedContainer[]> => {
    const all = [...workload.pod.initContainers, ...workload.pod.containers];
    const users = new Map<string, string>();
    for (const { image } of all) {
      const { repository, digest } = parseReference(image);
      if (digest !== null) users.set(image, (await intake.config(repository, digest))?.user ?? '');
    }
    const facts = workloadFacts(workload.key.name, 'Pod', workload.pod, (image) => users.get(image) ?? '');
    return all.flatMap(({ name, image, mounts }, index) => {
      const { repository, digest } = parseReference(image);
      if (digest === null) return [];
      const runsAsRoot = facts.containers[index]?.runsAsRoot ?? true;
      return [{ container: name, repository, digest, runsAsRoot, mounts: mounts.map(({ path }) => path) }];
    });
  };
  return {
    async containers(project, environment, workload) {
      const current = await deployments.currentRelease(project, environment);
      const workloads = current?.composition.workloads ?? [];
      const found = workloads.find(({ key }) => key.name === workload);
      if (found === undefined) {
        const known = workloads.map(({ key }) => key.name).join(', ') || '—';
        throw deployFault('deploy.workload-unknown', { name: workload, project, environment, known });
      }
      return containersOf(found);
    },
    async deployed(project) {
      const found: Awaited<ReturnType<ProfileGround['deployed']>>[number][] = [];
      for (const { release, composition } of await deployments.activeReleases()) {
        if (project !== null && release.project !== project) continue;
        for (const workload of composition.workloads) {
          const containers = await containersOf(workload);
          const place = { project: release.project, environment: release.environment, workload: workload.key.name };
          found.push({ ...place, containers });
        }
      }
      return found;
    },
    copy: (request) => pipeline.copy(request),
    async removeCopy(project, environment, name, actor) {
      try {
        await runs.remove(project, name, { environment, force: true, actor });
      } catch (error) {
        // One that failed takes itself away.
        if (!(error instanceof Fault) || error.code !== 'deploy.run-unknown') throw error;
      }
    },
    status: (project, environment, workload) =>
      deployments.statuses(null, project, environment).find(({ key }) => key.name === workload),
    run: (task, options) => hosts.run(task, options),
    async state({ repository, digest }, change, actor) {
      await trust.restate(
        { use: 'profile', key: 'control', repository, digest: digest as Digest, predicate: null, actor },
        {
          compose: (earlier) => {
            const standing = earlier.flatMap(readStatedProfiles);
            return JSON.parse(JSON.stringify({ profiles: change(standing) })) as Json;
          },
        },
      );
    },
  };
}

/** Profiles that are signed beside an image by who may, of all repositories of its content. */
export async function statedProfiles(
  trust: Pick<Trust, 'verify'>,
  repository: string,
  digest: Digest,
): Promise<ReturnType<typeof readStatedProfiles>> {
  const { accepted } = await trust.verify(repository, digest);
  return accepted.filter(({ use }) => use === 'profile').flatMap(({ predicate }) => readStatedProfiles(predicate));
}

/** The environment of a project that comes first. @throws Fault host.choice-unknown, deploy.project-unknown */
export async function firstEnvironment(deployments: Deployments, project: string): Promise<string> {
  const [first] = await deployments.environments(project);
  if (first === undefined) throw hostFault('host.choice-unknown', { value: project, choices: '—' });
  return first.name;
}
