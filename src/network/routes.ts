import { z } from 'zod';
import type { ApiApp } from '../access/index.ts';
import type { Json } from '../system/index.ts';
import { atPodPorts, type PortRedirect, policyManifest, proposePolicies, settleFlows } from './flows/flow.ts';
import type { Flows } from './flows/flows.ts';
import type { LabelSelector, NetworkPolicy, PolicyPeer, PolicyPort, TrafficRule } from './segmentation/policy.ts';

const place = { project: z.string().max(200) };

/** A workload as it was released last, as far as policies go. */
interface FlowWorkload {
  /** What selects its pods. */
  readonly selector: LabelSelector;
  readonly redirects: readonly PortRedirect[];
}

/** The workloads of a project by their names; null when one is gone. Asked of whoever knows releases. */
export type WorkloadsOf = (
  project: string,
) => Promise<(peer: { environment: string; name: string }) => FlowWorkload | null>;

/** The policies that are wanted for a project now. */
export type PoliciesOf = (project: string) => Promise<readonly NetworkPolicy[]>;

/** A policy as people look at it. A direction that is null is not governed by it. */
export interface ShownPolicy {
  readonly environment: string;
  readonly name: string;
  /** Labels that select pods, as they are written; empty: every pod. */
  readonly selects: readonly string[];
  readonly ingress: readonly string[] | null;
  readonly egress: readonly string[] | null;
  /** What may be reached by name, with its port where there is one. */
  readonly egressNames: readonly string[];
}

export function registerNetworkRoutes(
  app: ApiApp,
  flows: Flows,
  workloadsOf: WorkloadsOf,
  policiesOf: PoliciesOf,
): void {
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/network-policies',
    config: { action: 'workload.read' },
    schema: {
      tags: ['network'],
      summary: 'The network policies in force in a project, with the names that may be reached outside',
      params: z.object(place),
    },
    handler: async (request) => ({ items: (await policiesOf(request.params.project)).map(showPolicy) }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/flows',
    config: { action: 'workload.read' },
    schema: {
      tags: ['network'],
      summary:
        'Who talked to whom, who was refused and who got no answer: each way of the workloads of a project once, latest first',
      params: z.object(place),
      querystring: z.object({ environment: z.string().max(100).optional() }),
    },
    handler: async (request) => {
      const { environment } = request.query;
      const { project } = request.params;
      // Of the whole project: the other end may be in another environment.
      const known = settleFlows(await flows.list({ project }));
      return { items: known.filter((flow) => environment === undefined || flow.environment === environment) };
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
      const workload = await workloadsOf(project);
      const find = (peer: { project: string; environment: string; name: string }): FlowWorkload | null =>
        peer.project === project ? workload(peer) : null;
      const known = atPodPorts(await flows.list({ project }), (peer) => find(peer)?.redirects ?? []);
      const labelsOf = (peer: Parameters<typeof find>[0]): LabelSelector | null => find(peer)?.selector ?? null;
      return { items: proposePolicies(project, environment, known, labelsOf).map(policyManifest) };
    },
  });
}

function showPolicy({ environment, name, selector, ingress, egress }: NetworkPolicy): ShownPolicy {
  const byName = (egress ?? []).filter((rule) => rule.peers.some(({ kind }) => kind === 'name'));
  return {
    environment,
    name,
    selects: showSelector(selector),
    ingress: ingress?.flatMap(showRule) ?? null,
    egress: egress?.filter((rule) => !byName.includes(rule)).flatMap(showRule) ?? null,
    egressNames: [...new Set(byName.flatMap(showRule))],
  };
}

/** `app=api port 5432/TCP`: each peer with the ports of its rule; `*` where everybody may. */
function showRule({ peers, ports }: TrafficRule): string[] {
  const shownPorts = [...new Set(ports.map(showPort))].join(', ');
  const shown = peers.length === 0 ? ['*'] : peers.map(showPeer);
  return shown.map((peer) => (shownPorts === '' ? peer : `${peer} :${shownPorts}`));
}

function showPeer(peer: PolicyPeer): string {
  if (peer.kind === 'name') return peer.pattern;
  if (peer.kind === 'block') return [peer.cidr, ...peer.except.map((block) => `!${block}`)].join(' ');
  const pods = peer.pods === null ? '*' : showSelector(peer.pods).join(' ') || '*';
  return peer.namespaces === null ? pods : `${showSelector(peer.namespaces).join(' ') || '*'}/${pods}`;
}

function showPort({ protocol, port, endPort }: PolicyPort): string {
  const number = endPort === null ? `${port ?? '*'}` : `${port}-${endPort}`;
  return `${number}/${protocol}`;
}

function showSelector({ matchLabels, matchExpressions }: LabelSelector): string[] {
  return [
    ...Object.entries(matchLabels).map(([name, value]) => `${name}=${value}`),
    ...matchExpressions.map(({ key, operator, values }) => [key, operator, values.join('|')].join(' ').trim()),
  ];
}
