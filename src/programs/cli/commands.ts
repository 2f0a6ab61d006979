import { systemClock } from '../../system/index.ts';
import type { CommandUnit } from './frame.ts';

/**
 * Every command there is, in the order in which `darsena --help` shows them. `words` are what the unit adds to the
 * program: only the unit that a call speaks of is loaded, because a command must answer at once and a room brings its
 * whole part of the platform with it.
 */
export const COMMANDS: readonly CommandUnit[] = [
  {
    words: ['up', 'down', 'status', 'doctor', 'logs', 'version'],
    add: async (cli, frame) => {
      const { setupCommands } = await import('../setup/index.ts');
      setupCommands(cli, frame.target, systemClock);
    },
  },
  {
    words: ['login', 'logout'],
    add: async (cli) => (await import('./session.ts')).sessionCommands(cli),
  },
  {
    words: ['deploy', 'promote', 'rollback', 'ps', 'project', 'release', 'promotion'],
    add: async (cli) => (await import('../../deploy/index.ts')).deployCommands(cli),
  },
  {
    words: ['autoscale', 'host', 'canary', 'quota'],
    add: async (cli) => (await import('../../deploy/index.ts')).scalingCommands(cli),
  },
  {
    words: ['scale', 'rollout'],
    add: async (cli) => (await import('../../deploy/index.ts')).rolloutCommands(cli),
  },
  {
    words: ['run', 'debug', 'attach', 'stop', 'rm', 'wait'],
    add: async (cli) => (await import('./run.ts')).runCommands(cli),
  },
  {
    words: ['volume', 'backup'],
    add: async (cli) => {
      const { backupCommands, volumeCommands } = await import('../../volumes/index.ts');
      volumeCommands(cli);
      backupCommands(cli);
    },
  },
  {
    words: ['exec'],
    add: async (cli) => (await import('./exec.ts')).execCommands(cli),
  },
  {
    words: ['stats', 'top', 'diff', 'cp', 'port-forward'],
    add: async (cli) => (await import('./inside.ts')).insideCommands(cli),
  },
  {
    words: ['compose'],
    add: async (cli) => (await import('../../deploy/compose/index.ts')).composeCommands(cli),
  },
  {
    words: ['image'],
    add: async (cli) => (await import('../../registry/index.ts')).registryCommands(cli),
  },
  {
    words: ['registry'],
    add: async (cli) => (await import('../../registry/index.ts')).registryUpkeepCommands(cli),
  },
  {
    words: ['repository'],
    add: async (cli) => (await import('../../registry/index.ts')).repositoryCommands(cli),
  },
  {
    words: ['remote'],
    add: async (cli) => (await import('../../registry/index.ts')).remoteCommands(cli),
  },
  {
    words: ['mirror'],
    add: async (cli) => (await import('../../registry/index.ts')).mirrorCommands(cli),
  },
  {
    words: ['watch'],
    add: async (cli) => (await import('../../registry/index.ts')).watchCommands(cli),
  },
  {
    words: ['replication'],
    add: async (cli) => (await import('../../registry/index.ts')).replicationCommands(cli),
  },
  {
    words: ['scan'],
    add: async (cli) => (await import('../../scan/commands.ts')).scanCommands(cli),
  },
  {
    words: ['check'],
    add: async (cli) => {
      const { checkCommands } = await import('../../scan/index.ts');
      const { fieldSupport } = await import('./field-support.ts');
      checkCommands(cli, fieldSupport);
    },
  },
  {
    words: ['explain'],
    add: async (cli) => {
      const { explainComposeField } = await import('../../deploy/compose/index.ts');
      (await import('../../deploy/kubernetes/index.ts')).explainCommands(cli, explainComposeField);
    },
  },
  {
    words: ['advisories'],
    add: async (cli) => (await import('../../advisories/index.ts')).advisoryCommands(cli),
  },
  {
    words: ['trust'],
    add: async (cli) => (await import('../../trust/index.ts')).trustCommands(cli),
  },
  {
    words: ['key', 'sign', 'attest'],
    add: async (cli) => (await import('../../trust/index.ts')).signCommands(cli),
  },
  {
    words: ['exception'],
    add: async (cli) => (await import('../../admit/index.ts')).exceptionCommands(cli),
  },
  {
    words: ['vex'],
    add: async (cli) => (await import('../../scan/index.ts')).vexCommands(cli),
  },
  {
    words: ['policy'],
    add: async (cli) => (await import('../../admit/index.ts')).admitCommands(cli),
  },
  {
    words: ['base'],
    add: async (cli) => (await import('../../build/index.ts')).buildCommands(cli),
  },
  {
    words: ['route', 'network'],
    add: async (cli) => (await import('../../network/index.ts')).networkCommands(cli),
  },
  {
    words: ['certificate'],
    add: async (cli) => (await import('../../network/index.ts')).certificateCommands(cli),
  },
  {
    words: ['rules'],
    add: async (cli) => (await import('../../detect/index.ts')).detectCommands(cli),
  },
  {
    words: ['tail', 'capture'],
    add: async (cli) => (await import('./activity.ts')).activityCommands(cli),
  },
  {
    words: ['incident'],
    add: async (cli) => (await import('../../respond/index.ts')).respondCommands(cli),
  },
  {
    words: ['drill'],
    add: async (cli) => (await import('../../respond/index.ts')).drillCommands(cli),
  },
  {
    words: ['response'],
    add: async (cli) => (await import('../../respond/index.ts')).responseCommands(cli),
  },
  {
    words: ['notice'],
    add: async (cli) => (await import('../../respond/index.ts')).noticeCommands(cli),
  },
  {
    words: ['evidence'],
    add: async (cli) => (await import('../../respond/index.ts')).evidenceCommands(cli),
  },
  {
    words: ['kernel'],
    add: async (cli) => (await import('../../host/index.ts')).kernelCommands(cli),
  },
  {
    words: ['bench'],
    add: async (cli) => (await import('../../host/index.ts')).benchCommands(cli),
  },
  {
    words: ['audit', 'events'],
    add: async (cli) => (await import('../../journal/index.ts')).journalCommands(cli),
  },
  {
    words: ['user', 'token'],
    add: async (cli) => (await import('../../access/index.ts')).accessCommands(cli),
  },
  {
    words: ['member', 'robot', 'identity'],
    add: async (cli) => (await import('../../access/index.ts')).machineCommands(cli),
  },
  {
    words: ['operation'],
    add: async (cli) => (await import('./operations.ts')).operationCommands(cli),
  },
  {
    words: ['completion', '__complete'],
    // Completing needs every command's words.
    needsAll: true,
    add: async (cli) => (await import('./completion.ts')).completionCommands(cli),
  },
];
