import { queryOptions } from '@tanstack/react-query';
import { api, apiPath } from '../api/client.ts';
import { listOf, maybe } from '../api/queries.ts';
import type {
  ForeignContainer,
  HostBench,
  HostExceptions,
  HostKernel,
  KernelCves,
  KernelPatch,
  KernelRollout,
  ModuleProposal,
  ModuleStanding,
  ModuleUse,
  PreventionStanding,
  RebootNeed,
  ShieldEntry,
  ShieldStanding,
  TruthState,
} from '../api/types.ts';

/** What only the page of hosts asks: kept out of what every page loads first. */
export const hostQueries = {
  hostExceptions: () =>
    queryOptions({ queryKey: ['host-exceptions'], queryFn: () => api.get<HostExceptions>('/host-exceptions') }),
  hostKernel: (name: string) =>
    queryOptions({
      queryKey: ['hosts', name, 'kernel'],
      queryFn: () => maybe<HostKernel>(apiPath(['hosts', name, 'kernel'])),
    }),
  hostKernelCves: (name: string, state: TruthState) =>
    queryOptions({
      queryKey: ['hosts', name, 'kernel', 'cves', state],
      queryFn: () => maybe<KernelCves>(apiPath(['hosts', name, 'kernel', 'cves'], { state, limit: 200 })),
    }),
  shield: () => queryOptions({ queryKey: ['kernel', 'shield'], queryFn: () => listOf<ShieldEntry>('/kernel/shield') }),
  hostShield: (name: string) =>
    queryOptions({
      queryKey: ['hosts', name, 'kernel', 'shield'],
      queryFn: () => listOf<ShieldStanding>(apiPath(['hosts', name, 'kernel', 'shield'])),
    }),
  rebootPlan: () => queryOptions({ queryKey: ['kernel', 'plan'], queryFn: () => listOf<RebootNeed>('/kernel/plan') }),
  hostModuleUse: (name: string) =>
    queryOptions({
      queryKey: ['hosts', name, 'modules', 'use'],
      queryFn: () => listOf<ModuleUse>(apiPath(['kernel', 'modules'], { hosts: name })),
    }),
  moduleProposal: (name: string) =>
    queryOptions({
      queryKey: ['hosts', name, 'modules', 'proposal'],
      queryFn: () => maybe<ModuleProposal>(apiPath(['kernel', 'modules', 'proposal'], { hosts: name })),
    }),
  hostModules: (name: string) =>
    queryOptions({
      queryKey: ['hosts', name, 'modules'],
      queryFn: () => maybe<ModuleStanding>(apiPath(['hosts', name, 'kernel', 'modules'])),
    }),
  prevention: () =>
    queryOptions({
      queryKey: ['prevention'],
      queryFn: () => api.get<PreventionStanding>('/prevention/policies'),
      refetchInterval: 10_000,
    }),
  foreign: () =>
    queryOptions({
      queryKey: ['foreign'],
      queryFn: () => listOf<ForeignContainer>('/foreign'),
      refetchInterval: 10_000,
    }),
  hostBench: (name: string) =>
    queryOptions({
      queryKey: ['hosts', name, 'bench'],
      // Who was never looked at is asked about first: a browser writes each 404 down as an error.
      queryFn: async () => {
        const looked = await listOf<{ readonly host: string }>('/bench');
        return looked.some(({ host }) => host === name) ? maybe<HostBench>(apiPath(['hosts', name, 'bench'])) : null;
      },
    }),
  kernelPatches: () =>
    queryOptions({ queryKey: ['kernel', 'patches'], queryFn: () => listOf<KernelPatch>('/kernel/patches') }),
  kernelRollouts: () =>
    queryOptions({ queryKey: ['kernel', 'rollouts'], queryFn: () => listOf<KernelRollout>('/kernel/rollouts') }),
};
