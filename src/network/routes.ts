import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import type { Json } from '../system/index.ts';
import { policyManifest, proposePolicies } from './flows/flow.ts';
import type { Flows } from './flows/flows.ts';
import type { LabelSelector } from './segmentation/policy.ts';

const place = { project: z.string().max(200) };

/** What selects the pods of a workload as it was released last; null when it is gone. Asked of whoever knows releases. */
export type LabelsOf = (
  project: string,
) => Promise<(peer: { environment: string; name: string }) => LabelSelector | null>;

export function registerNetworkRoutes(app: ApiApp, flows: Flows, labelsOf: LabelsOf): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/flows',
    config: { action: 'workload.read' },
    schema: {
      tags: ['network'],
      summary: 'Who talked to whom, and who was refused: each way of the workloads of a project once, latest first',
      params: z.object(place),
      querystring: z.object({ environment: z.string().max(100).optional() }),
    },
    handler: async (request) => {
      const { environment } = request.query;
      const { project } = request.params;
      return { items: await flows.list({ project, ...(environment === undefined ? {} : { environment }) }) };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/environments/:environment/network-policies/proposal',
    config: { action: 'workload.read' },
    schema: {
      tags: ['network'],
      summary: 'Network policies that leave the workloads of an environment the ways they took, and close the rest',
      params: z.object({ ...place, environment: z.string().max(100) }),
    },
    handler: async (request): Promise<{ items: readonly Json[] }> => {
      const { project, environment } = request.params;
      const known = await flows.list({ project, environment });
      const labels = await labelsOf(project);
      const find = (peer: { project: string; environment: string; name: string }): LabelSelector | null =>
        peer.project === project ? labels(peer) : null;
      return { items: proposePolicies(project, environment, known, find).map(policyManifest) };
    },
  });
}
