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
      const { setupCommands } = await import('../setup/commands.ts');
      setupCommands(cli, frame.target, systemClock);
    },
  },
  {
    words: ['login', 'logout'],
    add: async (cli) => (await import('./session.ts')).sessionCommands(cli),
  },
  {
    words: ['deploy', 'promote', 'rollback', 'ps', 'project', 'release', 'promotion'],
    add: async (cli) => (await import('../../deploy/commands.ts')).deployCommands(cli),
  },
  {
    words: ['autoscale', 'host', 'canary', 'quota'],
    add: async (cli) => (await import('../../deploy/scaling-commands.ts')).scalingCommands(cli),
  },
  {
    words: ['env'],
    add: async (cli) => (await import('../../deploy/environment-commands.ts')).environmentCommands(cli),
  },
  {
    words: ['assurance'],
    add: async (cli) => (await import('../../deploy/assurance-command.ts')).assuranceCommand(cli),
  },
  {
    words: ['scale', 'rollout'],
    add: async (cli) => (await import('../../deploy/rollout-commands.ts')).rolloutCommands(cli),
  },
  {
    words: ['run', 'debug', 'attach', 'stop', 'rm', 'wait'],
    add: async (cli) => (await import('./run.ts')).runCommands(cli),
  },
  {
    words: ['volume', 'backup'],
    add: async (cli) => {
      const { backupCommands, volumeCommands } = await import('../../volumes/commands.ts');
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
    add: async (cli) => (await import('../../deploy/compose/commands.ts')).composeCommands(cli),
  },
  {
    words: ['image'],
    add: async (cli) => (await import('../../registry/commands.ts')).registryCommands(cli),
  },
  {
    words: ['registry'],
    add: async (cli) => (await import('../../registry/work-commands.ts')).registryUpkeepCommands(cli),
  },
  {
    words: ['repository'],
    add: async (cli) => (await import('../../registry/commands.ts')).repositoryCommands(cli),
  },
  {
    words: ['remote'],
    add: async (cli) => (await import('../../registry/remotes/commands.ts')).remoteCommands(cli),
  },
  {
    words: ['mirror'],
    add: async (cli) => (await import('../../registry/remotes/commands.ts')).mirrorCommands(cli),
  },
  {
    words: ['watch'],
    add: async (cli) => (await import('../../registry/remotes/watch-commands.ts')).watchCommands(cli),
  },
  {
    words: ['replication'],
    add: async (cli) => (await import('../../registry/remotes/watch-commands.ts')).replicationCommands(cli),
  },
  {
    words: ['scan'],
    add: async (cli) => (await import('../../scan/commands.ts')).scanCommands(cli),
  },
  {
    words: ['check'],
    add: async (cli) => {
      const { checkCommands } = await import('../../scan/check-command.ts');
      const { fieldSupport } = await import('./field-support.ts');
      checkCommands(cli, (askHosts) => fieldSupport(cli, askHosts));
    },
  },
  {
    words: ['explain'],
    add: async (cli) => {
      const { explainComposeField } = await import('../../deploy/compose/index.ts');
      (await import('../../deploy/kubernetes/explain-command.ts')).explainCommands(cli, explainComposeField);
    },
  },
  {
    words: ['advisories'],
    add: async (cli) => (await import('../../advisories/commands.ts')).advisoryCommands(cli),
  },
  {
    words: ['trust'],
    add: async (cli) => (await import('../../trust/commands.ts')).trustCommands(cli),
  },
  {
    words: ['key', 'sign', 'attest'],
    add: async (cli) => (await import('../../trust/sign-commands.ts')).signCommands(cli),
  },
  {
    words: ['exception'],
    add: async (cli) => (await import('../../admit/exception-commands.ts')).exceptionCommands(cli),
  },
  {
    words: ['vex'],
    add: async (cli) => (await import('../../scan/risk-commands.ts')).vexCommands(cli),
  },
  {
    words: ['policy'],
    add: async (cli) => {
      const said = async () => (await import('../../deploy/kubernetes/index.ts')).saidBy;
      (await import('../../admit/commands.ts')).admitCommands(cli, said);
    },
  },
  {
    words: ['build'],
    add: async (cli) => (await import('../../build/build-commands.ts')).buildImageCommands(cli),
  },
  {
    words: ['base'],
    add: async (cli) => (await import('../../build/commands.ts')).buildCommands(cli),
  },
  {
    words: ['route', 'network'],
    add: async (cli) => (await import('../../network/commands.ts')).networkCommands(cli),
  },
  {
    words: ['site'],
    add: async (cli) => (await import('../../network/sites/commands.ts')).siteCommands(cli),
  },
  {
    words: ['certificate'],
    add: async (cli) => (await import('../../network/served/commands.ts')).certificateCommands(cli),
  },
  {
    words: ['rules'],
    add: async (cli) => (await import('../../detect/commands.ts')).detectCommands(cli),
  },
  {
    words: ['tail', 'capture'],
    add: async (cli) => (await import('./activity.ts')).activityCommands(cli),
  },
  {
    words: ['incident'],
    add: async (cli) => (await import('../../respond/commands.ts')).respondCommands(cli),
  },
  {
    words: ['playbook'],
    add: async (cli) => (await import('../../respond/playbooks/commands.ts')).playbookCommands(cli),
  },
  {
    words: ['drill'],
    add: async (cli) => (await import('../../respond/drill/commands.ts')).drillCommands(cli),
  },
  {
    words: ['response'],
    add: async (cli) => (await import('../../respond/policy/commands.ts')).responseCommands(cli),
  },
  {
    words: ['prevent', 'foreign'],
    add: async (cli) => (await import('../../prevent/commands.ts')).preventCommands(cli),
  },
  {
    words: ['notice'],
    add: async (cli) => (await import('../../respond/notices/commands.ts')).noticeCommands(cli),
  },
  {
    words: ['evidence'],
    add: async (cli) => (await import('../../respond/evidence/commands.ts')).evidenceCommands(cli),
  },
  {
    words: ['kernel'],
    add: async (cli) => (await import('../../host/commands.ts')).kernelCommands(cli),
  },
  {
    words: ['profile', 'root'],
    add: async (cli) => (await import('../../host/profiles/commands.ts')).profileCommands(cli),
  },
  {
    words: ['bench'],
    add: async (cli) => (await import('../../host/bench/commands.ts')).benchCommands(cli),
  },
  {
    words: ['events'],
    add: async (cli) => (await import('./events.ts')).eventCommands(cli),
  },
  {
    words: ['audit'],
    add: async (cli) => (await import('../../journal/commands.ts')).journalCommands(cli),
  },
  {
    words: ['user', 'token'],
    add: async (cli) => (await import('../../access/commands.ts')).accessCommands(cli),
  },
  {
    words: ['member', 'robot', 'identity'],
    add: async (cli) => (await import('../../access/machine-commands.ts')).machineCommands(cli),
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
