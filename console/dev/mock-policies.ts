import type { EnvironmentPolicy, PolicyReplay, PolicyTrial, RunningUnder } from '../api/types.ts';

const REPLAY: PolicyReplay = {
  ...{ replayed: 12, same: 10, newlyAllowed: [], otherwise: [], errors: [] },
  newlyRefused: [
    {
      ...{ at: '2026-11-20T10:00:00.000Z', subject: 'tienda/prod/web', digest: `sha256:${'1'.repeat(64)}` },
      ...{ before: 'warn', after: 'refuse' },
      reasons: [
        {
          rule: 'memory-unlimited',
          message: {
            en: 'container web has no memory limit and can take the host’s',
            es: 'el contenedor web no tiene límite de memoria y puede agotar la del host',
          },
        },
      ],
    },
  ],
  counts: { newlyRefused: 2, newlyAllowed: 0, otherwise: 0 },
};

function running(decision: RunningUnder['decision']): RunningUnder[] {
  return [
    {
      ...{ workload: 'web', repository: 'tienda/web', digest: `sha256:${'1'.repeat(64)}`, decision },
      reasons: (REPLAY.newlyRefused[0]?.reasons ?? []).map((one) => ({
        ...one,
        effect: decision === 'refuse' ? 'refuse' : 'warn',
      })),
    },
  ];
}

/** One environment of production with a change that waits for a second person, and one that follows its project file. */
export function mockEnvironmentPolicy(environment: string): EnvironmentPolicy {
  const isProduction = environment === 'prod';
  const change = {
    ...{ id: 'pc1', before: 'prod', after: 'dev', reason: 'Cierre de año', state: 'waiting' as const },
    ...{ requestedBy: 'user:luis', requester: 'user:luis', requestedAt: '2026-11-20T10:00:00.000Z' },
    ...{ decidedBy: null, decidedAt: null },
  };
  return {
    environment,
    class: isProduction ? 'production' : 'development',
    policy: isProduction ? 'prod' : 'dev',
    followsFile: !isProduction,
    waiting: isProduction ? change : null,
    changes: isProduction
      ? [
          change,
          {
            ...{ ...change, id: 'pc0', before: 'dev', after: 'prod', reason: '', state: 'applied' as const },
            ...{ decidedBy: 'user:marta', decidedAt: '2026-10-02T10:00:00.000Z' },
          },
        ]
      : [],
    running: running('allow'),
    problem: null,
  };
}

export function mockPolicyTrial(policy: string): PolicyTrial {
  return { policy, current: 'prod', replay: REPLAY, running: running('refuse') };
}
