import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal } from '../access/index.ts';
import type { Reason, Replay, Verdict } from '../admit/index.ts';
import { type Clock, Fault } from '../system/index.ts';
import type { Deployments, Environment } from './deployments.ts';
import type { EnvironmentPolicies, EnvironmentPolicy } from './environment-policies.ts';

/** What a policy says now of an image that runs, as if it were to be released today. */
export interface RunningUnder {
  readonly workload: string;
  readonly repository: string;
  readonly digest: string;
  readonly decision: Verdict['decision'];
  readonly reasons: readonly Reason[];
}

/** A port: who knows facts and policies. */
export interface EnvironmentJudge {
  /** @throws Fault admit.policy-unknown */
  running(environment: Environment, project: string, policy: string): Promise<readonly RunningUnder[]>;
  /** @throws Fault admit.policy-unknown */
  replay(
    place: { readonly project: string; readonly environment: string; readonly policy: string },
    policy: string,
    since: string,
  ): Promise<Replay>;
}

/** How far back a what-if looks: as long as what was judged is kept whole. */
const DAYS = 30;

const policyName = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}(?:@[a-z0-9.]{1,16})?$/);
const params = z.object({
  project: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/),
  environment: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/),
});

export function registerEnvironmentRoutes(
  app: ApiApp,
  options: {
    readonly policies: EnvironmentPolicies;
    readonly deployments: Deployments;
    readonly judge: EnvironmentJudge;
    readonly clock: Clock;
  },
): void {
  const { policies, deployments, judge, clock } = options;
  const running = async (project: string, name: string, policy: string): Promise<readonly RunningUnder[]> =>
    judge.running(await deployments.readEnvironment(project, name), project, policy);
  const view = async (found: EnvironmentPolicy) => {
    try {
      return { ...found, running: await running(found.project, found.environment, found.policy), problem: null };
    } catch (error) {
      // Whose policy is gone or broken has to be seen to be given another one.
      if (!(error instanceof Fault)) throw error;
      return { ...found, running: [], problem: { en: sentence(error.text('en')), es: sentence(error.text('es')) } };
    }
  };
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/environments/:environment/policy',
    config: { action: 'release.read' },
    schema: {
      tags: ['policies'],
      summary: 'The policy of an environment, its changes, and what it says now of what runs there',
      params,
    },
    handler: async ({ params: { project, environment } }) => view(await policies.read(project, environment)),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/environments/:environment/policy/try',
    config: { action: 'release.read' },
    schema: {
      tags: ['policies'],
      summary: 'What another policy would have said of what was judged there, and says of what runs; keeps nothing',
      params,
      body: z.strictObject({ policy: policyName, days: z.number().int().min(1).max(DAYS).default(DAYS) }),
    },
    handler: async ({ params: { project, environment }, body }) => {
      const { policy: current } = await policies.read(project, environment);
      const since = new Date(clock.now().getTime() - body.days * 86_400_000).toISOString();
      const replay = await judge.replay({ project, environment, policy: current }, body.policy, since);
      return { policy: body.policy, current, replay, running: await running(project, environment, body.policy) };
    },
  });
  // Who deploys must not choose by what deploys are judged: this asks for the platform's own right, which the administrator
  // of one project does not have.
  app.route({
    method: 'PUT',
    url: '/api/v1/projects/:project/environments/:environment/policy',
    config: { action: 'platform.admin' },
    schema: {
      tags: ['policies'],
      summary: 'Give an environment another policy; for production a second person has to approve it',
      params,
      body: z.strictObject({
        /** Null: what the project file says, from the next deploy on. */
        policy: policyName.nullable(),
        reason: z.string().max(2_000).default(''),
      }),
    },
    handler: async ({ params: place, body, principal }) => {
      requirePlatform(principal);
      return view(await policies.set(place, body.policy, body.reason, principal));
    },
  });
  const seen = z.strictObject({ change: z.string().max(36) });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/environments/:environment/policy/approve',
    config: { action: 'promotion.approve' },
    schema: { tags: ['policies'], summary: 'Approve the change that somebody else asked for', params, body: seen },
    handler: async ({ params: place, body, principal }) =>
      view(await policies.decide(place, body.change, 'approve', principal)),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/projects/:project/environments/:environment/policy/reject',
    config: { action: 'promotion.approve' },
    schema: { tags: ['policies'], summary: 'Reject the change that waits, or take it back', params, body: seen },
    handler: async ({ params: place, body, principal }) =>
      view(await policies.decide(place, body.change, 'reject', principal)),
  });
}

function sentence({ what, why }: { readonly what: string; readonly why?: string }): string {
  return why === undefined ? what : `${what}: ${why}`;
}

/** @throws Fault access.not-allowed */
function requirePlatform({ name, grants }: Principal): void {
  const action = 'platform.admin';
  if (!may({ grants }, action, null)) throw accessFault('access.not-allowed', { name, action, place: 'the platform' });
}
